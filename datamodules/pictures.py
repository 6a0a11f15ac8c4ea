"""One picture of somebody's data: opened with a limit, made upright RGB, cut to a square. Every defect has a name."""

from __future__ import annotations

import warnings
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

#: Pillow refuses to open anything larger, whatever we allow.
PILLOW_LIMIT = 178_956_970
#: Pillow warns above this many.
MAX_PIXELS = PILLOW_LIMIT // 2
#: Defects that leave no picture to use, and what they mean.
UNUSABLE = {
    "missing_file": "there is no such file",
    "broken_image": "the bytes are no whole image",
    "huge_image": "more pixels than max_pixels",
    "unsupported_mode": "32-bit, floating-point or Lab pixels, which have no agreed 8-bit reading",
}
#: What is converted when read, and how.
CONVERTED = {
    "grayscale": "one channel, repeated three times",
    "cmyk": "converted to RGB, without a colour profile",
    "palette": "colours looked up",
    "alpha": "laid on white",
    "exif_rotation": "turned upright as EXIF says",
    "sixteen_bit": "the high byte of each value is kept",
    "animated": "only the first frame is used",
}
_ORIENTATION = 0x0112


class BrokenImage(ValueError):
    """A picture that cannot be used.

    Attributes:
        defect: Key of `UNUSABLE`.
    """

    def __init__(self, defect: str, found: str = "") -> None:
        super().__init__(f"{UNUSABLE[defect]} ({found})" if found else UNUSABLE[defect])
        self.defect = defect


def header(file: IO[bytes], max_pixels: int = MAX_PIXELS) -> Image:
    """Open a picture without decoding its pixels.

    It is a BrokenImage if it is none, too large, or of a mode that has no 8-bit reading, and an OSError if the file
    cannot be read for a reason outside of it.
    """
    from PIL import Image as Pillow

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a large size or odd EXIF, both of which are judged here
            picture = Pillow.open(file)
    except Pillow.DecompressionBombError as error:
        raise BrokenImage("huge_image", f"allowed: {max_pixels}") from error
    except Exception as error:
        raise _judged(error) from error
    width, height = picture.size
    if width * height > max_pixels:
        raise BrokenImage("huge_image", f"found {width} x {height}, allowed: {max_pixels}")
    if picture.mode in ("I", "F", "LAB"):
        raise BrokenImage("unsupported_mode", f"found mode {picture.mode}")
    return picture


def traits(picture: Image) -> list[str]:
    """Return what of `CONVERTED` holds for an opened picture."""
    mode = picture.mode
    depth = mode.startswith("I;16") or any(";16" in str(tile) for tile in getattr(picture, "tile", ()))
    found = {
        "grayscale": mode in ("1", "L", "LA", "La") or mode.startswith("I;16"),
        "cmyk": mode == "CMYK",
        "palette": mode in ("P", "PA"),
        "alpha": picture.has_transparency_data,
        "exif_rotation": picture.getexif().get(_ORIENTATION, 1) != 1,
        "sixteen_bit": depth,
        "animated": getattr(picture, "is_animated", False),
    }
    return [name for name in CONVERTED if found[name]]


def upright(picture: Image) -> Image:
    """Decode a picture and return it as upright 8-bit RGB; bytes that end early are a BrokenImage."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture.load()
            turned = ImageOps.exif_transpose(picture)
            if turned.mode.startswith("I;16"):  # Pillow would clip at 255 instead of scaling
                return Pillow.fromarray((np.asarray(turned) >> 8).astype(np.uint8)).convert("RGB")
            if turned.has_transparency_data:
                layer = turned.convert("RGBA")
                return Pillow.alpha_composite(Pillow.new("RGBA", layer.size, "white"), layer).convert("RGB")
            return turned.convert("RGB")
    except Exception as error:
        raise _judged(error) from error


def square(picture: Image, side: int) -> np.ndarray:
    """Return (side, side, 3) uint8: an RGB picture scaled by its short side and cut at the centre."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    return np.asarray(ImageOps.fit(picture, (side, side), Pillow.Resampling.BICUBIC))


def _judged(error: Exception) -> Exception:
    """Tell bytes that are no image (decoders raise all sorts of errors on them) from a disk that fails."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    return BrokenImage("broken_image", " ".join(str(error).split()))

"""One picture of somebody's data: opened with a limit, made upright RGB, cut to a square. Every defect has a name."""

from __future__ import annotations

import errno
import struct
import warnings
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from datamodules.reading import printable, shown

if TYPE_CHECKING:
    from PIL.Image import Image

#: Pillow refuses to open anything larger, whatever we allow.
PILLOW_LIMIT = 178_956_970
#: Pillow warns above this many.
MAX_PIXELS = PILLOW_LIMIT // 2
#: Defects that leave no picture to use, and what they mean.
UNUSABLE = {
    "missing_file": "there is no such file",
    "unreadable_file": "the file cannot be read",
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
    "broken_exif": "EXIF that cannot be read: not turned",
    "sixteen_bit": "the high byte of each value is kept",
    "animated": "only the first frame is used",
}
#: What is changed in size.
SCALED = {"enlarged": "scaled up: its short side is below the resolution"}
_ORIENTATION = 0x0112
#: Errors of the system that mean that there can be no such file: the name is too long, or its links go in a circle.
_NO_FILE = ("ENOENT", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "ELOOP")


class BrokenImage(ValueError):
    """A picture that cannot be used.

    Attributes:
        defect: Key of `UNUSABLE`.
    """

    def __init__(self, defect: str, found: str = "") -> None:
        super().__init__(f"{UNUSABLE[defect]} ({found})" if found else UNUSABLE[defect])
        self.defect = defect

    def name(self, place: str, one: str) -> None:
        """Say in the message where the picture lies, its id, and the way out."""
        place = printable(place) if len(place) <= 160 else f"...{printable(place[-80:])}"
        remedy = "`python -m datamodules.check TESTBED --decode --write` leaves it out"
        self.args = (f"{place}: image {shown(one, 80)}: {self}; {remedy}",)


def header(file: IO[bytes], max_pixels: int = MAX_PIXELS) -> Image:
    """Open a picture without decoding its pixels.

    It is a BrokenImage if it is none, too large, of a mode that has no 8-bit reading, or if its file cannot be read.
    """
    from PIL import Image as Pillow

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a large size or odd EXIF, both of which are judged here
            picture = Pillow.open(file)
    except Pillow.DecompressionBombError as error:
        raise BrokenImage("huge_image", f"allowed: {max_pixels}") from error
    except Pillow.UnidentifiedImageError as error:
        raise BrokenImage("broken_image", _start(file)) from error
    except Exception as error:
        raise broken(error) from error
    width, height = picture.size
    if width * height > max_pixels:
        raise BrokenImage("huge_image", f"found {width} x {height}, allowed: {max_pixels}")
    if picture.mode in ("I", "F", "LAB"):
        raise BrokenImage("unsupported_mode", f"found mode {picture.mode}")
    return picture


def _start(file: IO[bytes]) -> str:
    """Return what a file that is no picture starts with, for people."""
    try:
        file.seek(0)
        start = file.read(16)
    except Exception as error:
        raise broken(error) from error
    return f"it starts with {shown(start)}" if start else "it is empty"


def traits(picture: Image) -> list[str]:
    """Return what of `CONVERTED` holds for an opened picture; one that ends too early is a BrokenImage."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            turn = _turn(picture)
            mode = picture.mode
            depth = mode.startswith("I;16") or any(";16" in str(tile) for tile in getattr(picture, "tile", ()))
            found = {
                "grayscale": mode in ("1", "L", "LA", "La") or mode.startswith("I;16"),
                "cmyk": mode == "CMYK",
                "palette": mode in ("P", "PA"),
                "alpha": picture.has_transparency_data,
                "exif_rotation": turn in range(2, 9),
                "broken_exif": turn is None,
                "sixteen_bit": depth,
                "animated": getattr(picture, "is_animated", False),
            }
    except Exception as error:
        raise broken(error) from error
    return [name for name in CONVERTED if found[name]]


def size_of(picture: Image) -> tuple[int, int]:
    """Return height and width of an opened picture as it is seen upright; nothing is decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sideways = (_turn(picture) or 1) >= 5 and picture.format != "TIFF"  # whose size Pillow turns itself
    except Exception as error:
        raise broken(error) from error
    width, height = picture.size
    return (width, height) if sideways else (height, width)


def upright(picture: Image) -> Image:
    """Decode a picture and return it as upright 8-bit RGB; bytes that end early are a BrokenImage."""
    from PIL import Image as Pillow

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            turn = _turn(picture)  # before it is decoded: Pillow turns a TIFF itself
            picture.load()
            turned = picture.transpose(_turns()[turn]) if turn in _turns() and picture.format != "TIFF" else picture
            if turned.mode.startswith("I;16"):  # Pillow would clip at 255 instead of scaling
                return Pillow.fromarray((np.asarray(turned) >> 8).astype(np.uint8)).convert("RGB")
            if turned.has_transparency_data:
                layer = turned.convert("RGBA")
                return Pillow.alpha_composite(Pillow.new("RGBA", layer.size, "white"), layer).convert("RGB")
            return turned.convert("RGB")
    except Exception as error:
        raise broken(error) from error


def square(picture: Image, side: int) -> np.ndarray:
    """Return (side, side, 3) uint8: an RGB picture scaled by its short side and cut at the centre."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    return np.asarray(ImageOps.fit(picture, (side, side), Pillow.Resampling.BICUBIC))


def _turns() -> dict[Any, Any]:
    """Return what undoes each orientation that EXIF knows. Pillow's own function also writes EXIF anew, which fails."""
    from PIL.Image import Transpose as T

    kinds = (T.FLIP_LEFT_RIGHT, T.ROTATE_180, T.FLIP_TOP_BOTTOM, T.TRANSPOSE, T.ROTATE_270, T.TRANSVERSE, T.ROTATE_90)
    return dict(enumerate(kinds, 2))


def _turn(picture: Image) -> int | None:
    """Return the orientation by EXIF, 1 where it says nothing of the kind, None where EXIF cannot be read.

    Nothing is decoded: of a PNG, Pillow would decode all to see whether EXIF comes after the pixels.
    """
    from PIL import Image as Pillow

    if picture.format == "PNG" and (late := _late_exif(getattr(picture, "fp", None))) is not None:
        picture.info.setdefault("exif", b"Exif\0\0" + late)
    try:
        Pillow.Exif().load(picture.info.get("exif", b""))  # anew: what fails once is not tried again
        found = Pillow.Image.getexif(picture).get(_ORIENTATION, 1)
    except Exception:
        return None
    return found if isinstance(found, int) and found in range(2, 9) else 1


def _late_exif(file: Any) -> bytes | None:
    """Return the EXIF chunk of a PNG wherever it stands, or None; an EOFError where the last chunk is missing."""
    here = file.tell()
    try:
        file.seek(8)
        late = None
        while True:
            length, kind = struct.unpack(">I4s", file.read(8))
            if kind == b"eXIf":
                late = file.read(length)
            elif length:
                file.seek(length - 1, 1)
                if not file.read(1):
                    raise EOFError("it ends within a chunk")
            file.seek(4, 1)
            if kind == b"IEND":
                return late
    except struct.error as error:
        raise EOFError("it ends before its last chunk") from error
    finally:
        file.seek(here)


def unopened(error: OSError | ValueError) -> BrokenImage:
    """Tell why a picture could not be opened."""
    if isinstance(error, (OSError, BrokenImage)):
        return broken(error)
    return BrokenImage("missing_file", f"no file can have its name: {error}"[:60])  # NUL, or half a character


def broken(error: Exception) -> BrokenImage:
    """Tell why a picture cannot be used: decoders raise all sorts of errors on bytes that are no image."""
    if isinstance(error, OSError) and error.errno is not None:
        gone = errno.errorcode.get(error.errno) in _NO_FILE
        return BrokenImage("missing_file" if gone else "unreadable_file", error.strerror or "")
    if isinstance(error, BrokenImage):
        return error
    return BrokenImage("broken_image", " ".join(str(error).split())[:80])

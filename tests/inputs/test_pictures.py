"""Every picture has an outcome: it is good, or there is a reason and it is left out; the check and a run agree."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, PngImagePlugin

from datamodules import pictures, reading
from datamodules.check import LEFT_OUT, inspect, main
from datamodules.imagefolder import ImageFolder
from datamodules.parquet import ParquetImages
from datamodules.pictures import BrokenImage
from tests.datamodules.conftest import encoded, plain
from tests.datamodules.test_listed import write_bed

RED = Image.new("RGB", (32, 24), (200, 30, 10))
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8))
PNG = encoded(NOISE, "PNG")
GIF = encoded(NOISE, "GIF", save_all=True, append_images=[RED, NOISE])


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def turned(by: Any, kind: str = "JPEG", **more: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = by
    return encoded(RED, kind, exif=exif, **more)


def late_exif() -> bytes:
    """A PNG whose EXIF, which turns it, comes after its pixels."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return PNG[:-12] + chunk(b"eXIf", exif.tobytes()[6:]) + PNG[-12:]


def bad_exif(kind: str) -> bytes:
    return encoded(RED, kind, exif=b"Exif\0\0not a TIFF at all, but letters")


def bomb() -> bytes:
    """A PNG of a few bytes that says that it has 60,000 x 60,000 pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


def text_bomb() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "x" * 2**21, zip=True)
    return encoded(RED, "PNG", pnginfo=info)


#: Bytes of a file -> what the check says of it with `--decode`.
CONTENTS: dict[str, tuple[bytes, set[str]]] = {
    "plain": (PNG, set()),
    "half a PNG": (PNG[: len(PNG) // 2], {"broken_image"}),
    "a PNG but for its last bytes": (PNG[:-14], {"broken_image"}),
    "a PNG whose EXIF comes before a cut": (turned(6, "PNG")[:-60], {"broken_image"}),
    "a PNG of a signature": (PNG[:8], {"broken_image"}),
    "a PNG with a wrong byte": (PNG[:200] + b"\0\0\0\0" + PNG[204:], {"broken_image"}),
    "a truncated JPEG": (plain(1)[: len(plain(1)) // 2], {"broken_image"}),
    "a JPEG of a start": (plain(1)[:20], {"broken_image"}),
    "a cut GIF": (GIF[: len(GIF) // 5], {"broken_image"}),
    "a GIF of a header": (GIF[:13], {"broken_image"}),
    "a cut WebP": (encoded(NOISE, "WEBP")[:-100], {"broken_image"}),
    "a cut TIFF": (encoded(NOISE, "TIFF")[:-100], {"broken_image"}),
    "a cut BMP": (encoded(NOISE, "BMP")[:-100], {"broken_image"}),
    "nothing": (b"", {"broken_image"}),
    "zeros": (b"\0" * 5_000, {"broken_image"}),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', {"broken_image"}),
    "HTML": (b"<!DOCTYPE html><html>404</html>", {"broken_image"}),
    "a pointer of git-lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", {"broken_image"}),
    "a PDF": (b"%PDF-1.7\n", {"broken_image"}),
    "a bomb": (bomb(), {"huge_image"}),
    "a bomb of text": (text_bomb(), {"broken_image"}),
    "broken EXIF in a JPEG": (bad_exif("JPEG"), {"broken_exif"}),
    "broken EXIF in a PNG": (bad_exif("PNG"), {"broken_exif"}),
    "EXIF at the end of a PNG": (late_exif(), {"exif_rotation"}),
    "an orientation of a PNG": (turned(8, "PNG"), {"exif_rotation"}),
    "an orientation that does not turn": (turned(1), set()),
    "an orientation that there is not": (turned(9), set()),
    "an orientation of zero": (turned(0), set()),
    "one pixel": (encoded(Image.new("RGB", (1, 1)), "PNG"), {"enlarged"}),
    "a line": (encoded(Image.new("RGB", (3_000, 1)), "PNG"), {"enlarged"}),
    "a column": (encoded(Image.new("RGB", (1, 3_000)), "PNG"), {"enlarged"}),
    "a PNG with text after it": (PNG + b"more", set()),
    "16 bit": (encoded(Image.fromarray(np.full((8, 8), 40_000, np.uint16)), "PNG"), {"grayscale", "sixteen_bit"}),
    "two colours": (encoded(RED.convert("1"), "PNG"), {"grayscale"}),
    "a palette": (encoded(RED.quantize(4), "PNG"), {"palette"}),
    "gray and alpha": (encoded(RED.convert("LA"), "PNG"), {"grayscale", "alpha"}),
    "CMYK": (encoded(RED.convert("CMYK"), "JPEG"), {"cmyk"}),
    "CMYK in a TIFF": (encoded(RED.convert("CMYK"), "TIFF"), {"cmyk"}),
    "YCbCr": (
        encoded(RED.convert("YCbCr"), "TIFF", compression="jpeg"),
        set(),
    ),  # pillow 12 cannot read its own raw one
    "Lab": (encoded(RED.convert("LAB"), "TIFF"), {"unsupported_mode"}),
    "32 bit": (encoded(RED.convert("I"), "TIFF"), {"unsupported_mode"}),
    "an animated WebP": (encoded(RED, "WEBP", save_all=True, append_images=[NOISE]), {"animated"}),
    "an animated PNG": (encoded(RED, "PNG", save_all=True, append_images=[NOISE]), {"animated"}),
    "a GIF": (encoded(RED, "GIF"), {"palette"}),
    "two pages": (encoded(RED, "TIFF", save_all=True, append_images=[NOISE]), {"animated"}),
}


def folder(root: Path, *names: str, **arguments: Any) -> ImageFolder:
    rows = [{"file_name": name, "text": f"picture {number}"} for number, name in enumerate(names)]
    (root / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ImageFolder(str(root), {"prompts": len(names)}, resolution=8, **arguments)


def unusable(defects: set[str]) -> bool:
    return bool(defects & set(LEFT_OUT))


@pytest.mark.parametrize("what", CONTENTS)
@pytest.mark.parametrize("place", ["file", "row"])
def test_every_content_has_an_outcome_that_a_run_agrees_with(what: str, place: str, tmp_path: Path) -> None:
    content, expected = CONTENTS[what]
    data: Any
    if place == "file":
        (tmp_path / "x.jpg").write_bytes(content)  # whatever it holds
        data = folder(tmp_path, "x.jpg")
    else:
        pq.write_table(pa.table({"image": [content], "caption": ["x"]}), tmp_path / "x.parquet")
        data = ParquetImages(str(tmp_path), {"prompts": 1}, resolution=8)
    (entry,) = data.listing
    assert set(inspect(data, decode=True)) == expected
    headers = set(inspect(data))
    assert headers == expected or (expected == {"broken_image"} and not unusable(headers))
    if unusable(expected):
        with pytest.raises(BrokenImage) as caught:
            data.images("prompts", np.array([0]))
        assert caught.value.defect in expected
        assert f"image {entry.id!r}: " in str(caught.value)
        assert "0x7f" not in str(caught.value)  # no address of an object in memory
        assert len(str(caught.value).replace(str(tmp_path), "")) < 300
    else:
        assert data.images("prompts", np.array([0])).shape == (1, 8, 8, 3)


@pytest.mark.parametrize(
    "what", ["half a PNG", "a PNG but for its last bytes", "a PNG of a signature", "nothing", "SVG", "a bomb"]
)
def test_headers_alone_tell(what: str, tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(CONTENTS[what][0])
    assert set(inspect(folder(tmp_path, "x.jpg"))) == CONTENTS[what][1]


def test_what_a_file_without_a_picture_holds_is_said(tmp_path: Path) -> None:
    for name, content in (("page.jpg", b"<!DOCTYPE html>..."), ("none.jpg", b"")):
        (tmp_path / name).write_bytes(content)
    data = folder(tmp_path, "page.jpg", "none.jpg")
    with pytest.raises(BrokenImage, match=r"none\.jpg: image 'none\.jpg': .*\(it is empty\)"):
        data.picture(data.listing[0])
    with pytest.raises(BrokenImage, match=r"it starts with b'<!DOCTYPE html>\.'"):
        data.picture(data.listing[1])


def no_file(name: str) -> Callable[[Path], str]:
    return lambda root: name


def made(make: Callable[[Path], object]) -> Callable[[Path], str]:
    def place(root: Path) -> str:
        make(root / "x.jpg")
        return "x.jpg"

    return place


#: What lies where a picture should, or its name -> the defect.
PLACES: dict[str, tuple[Callable[[Path], str], str]] = {
    "gone": (no_file("gone.jpg"), "missing_file"),
    "below a file": (no_file("metadata.jsonl/x.jpg"), "missing_file"),
    "NUL": (no_file("a\0b.jpg"), "missing_file"),
    "300 letters": (no_file("l" * 300 + ".jpg"), "missing_file"),
    "a long path": (no_file("d/" * 3_000 + "x.jpg"), "missing_file"),
    "half a character": (no_file("a\ud800.jpg"), "missing_file"),
    "a byte that is no UTF-8": (no_file("a\udcff.jpg"), "missing_file"),
    "a line end": (no_file("a\nb.jpg"), "missing_file"),
    "a line separator": (no_file("a\u2028b.jpg"), "missing_file"),
    "a folder": (made(Path.mkdir), "missing_file"),
    "a pipe": (made(os.mkfifo), "missing_file"),
    "a device": (made(lambda path: path.symlink_to("/dev/zero")), "missing_file"),
    "a dangling link": (made(lambda path: path.symlink_to("nowhere")), "missing_file"),
    "a link to itself": (made(lambda path: path.symlink_to("x.jpg")), "missing_file"),
}


@pytest.mark.parametrize("what", PLACES)
def test_every_place_has_an_outcome_and_the_check_leaves_it_out(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, expected = PLACES[what]
    root = tmp_path / "data"
    root.mkdir()
    (root / "good.jpg").write_bytes(plain(1))
    name = place(root)
    data = folder(root, "good.jpg", name)
    for decode in (False, True):
        assert inspect(data, decode) == {expected: [name]}
    entry = next(e for e in data.listing if e.id == name)
    with pytest.raises(BrokenImage) as caught:
        data.picture(entry)
    assert caught.value.defect == expected
    assert str(caught.value).isprintable()
    assert len(str(caught.value).replace(str(root), "")) < 300
    bed = write_bed(tmp_path, ImageFolder, root, sizes={"prompts": 1})
    assert main([str(bed)]) == 1
    assert main([str(bed), "--write"]) == 0
    capsys.readouterr().out.encode()  # anything that was printed can be
    after = ImageFolder(str(root), {"prompts": 1}, resolution=8)
    assert after.excluded() == {name: expected}
    assert after.ids("prompts", np.array([0])) == ["good.jpg"]
    assert main([str(bed), "--write"]) == 0  # and what was written can be read again


@pytest.mark.parametrize("code", ["EACCES", "EPERM", "EIO", "ESTALE"])
def test_a_picture_that_may_not_be_read_is_left_out(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    for name in ("good.jpg", "x.jpg"):
        (tmp_path / name).write_bytes(plain(len(name)))
    data = folder(tmp_path, "good.jpg", "x.jpg")
    real = reading.os.stat

    def stat(path: Any, *more: Any, **options: Any) -> Any:
        if str(path).endswith("x.jpg"):
            raise OSError(getattr(errno, code), os.strerror(getattr(errno, code)), str(path))
        return real(path, *more, **options)

    monkeypatch.setattr(reading.os, "stat", stat)
    assert inspect(data) == {"unreadable_file": ["x.jpg"]}
    with pytest.raises(BrokenImage, match=r"x\.jpg: image 'x\.jpg': the file cannot be read \("):
        data.picture(data.listing[1])


def test_headers_of_a_png_are_read_without_its_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in (("a.png", PNG), ("b.png", late_exif()), ("c.png", turned(3, "PNG")), ("d.jpg", plain(1))):
        (tmp_path / name).write_bytes(content)
    data = folder(tmp_path, "a.png", "b.png", "c.png", "d.jpg")

    def load(self: Any) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "load", load)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    assert inspect(data) == {"exif_rotation": ["b.png", "c.png"]}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_each_orientation_is_turned_upright(kind: str, turn: int, tmp_path: Path) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = turn
    (tmp_path / "x.jpg").write_bytes(encoded(NOISE, kind, exif=exif))
    with Image.open(tmp_path / "x.jpg") as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    with (tmp_path / "x.jpg").open("rb") as file, pictures.header(file) as picture:
        assert ("exif_rotation" in pictures.traits(picture)) == (turn > 1)
        size = pictures.size_of(picture)
        np.testing.assert_array_equal(np.asarray(pictures.upright(picture)), expected)
    assert size == expected.shape[:2]

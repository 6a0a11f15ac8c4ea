"""Odd and broken pictures: each has its outcome, and names itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from datamodules.imagefolder import ImageFolder
from datamodules.listed import Listed
from datamodules.pictures import BrokenImage
from tests.datamodules import conftest as make


def pictures_of(data: Listed) -> dict[str, Any]:
    return {e.image: e for e in data.listing}


def test_odd_pictures_are_read_as_people_see_them(tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path)
    data = ImageFolder(str(tmp_path), {}, resolution=16, max_pixels=make.MAX_PIXELS)
    entry = pictures_of(data)
    read = {name: data.picture(entry[f"b/{name}"]) for name in make.odd_pictures() if f"b/{name}" in entry
            and not any(name in make.PLANTED[d] for d in ("broken_image", "huge_image", "unsupported_mode"))}  # fmt: skip
    assert all(image.shape == (16, 16, 3) and image.dtype == np.uint8 for image in read.values())
    gray = round(0.299 * 200 + 0.587 * 30 + 0.114 * 10)
    assert (np.abs(read["gray.png"].astype(int) - gray) <= 1).all()
    assert (np.abs(read["cmyk.jpg"].astype(int) - [200, 30, 10]) <= 6).all()
    assert (read["sixteen.png"] == 40_000 >> 8).all()
    assert (read["moving.gif"] == [255, 0, 0]).all()
    assert (read["palette.png"] == 255).all()  # its one colour is transparent
    assert (read["alpha.png"][:, -1] == 255).all()  # transparent: white, not the red below
    assert (read["alpha.png"][:, 0] == [0, 0, 255]).all()
    # white on the left of the file is at the top once turned
    assert read["turned.jpg"][0].min() > 200
    assert read["turned.jpg"][-1].max() < 55


def test_a_plain_picture_is_fitted_and_nothing_else(tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path, odd=False)
    data = ImageFolder(str(tmp_path), {"prompts": 20}, resolution=24)
    index = np.array([7, 3, 3, 19])
    for image, name in zip(data.images("prompts", index), data.ids("prompts", index), strict=True):
        wide = Image.open(tmp_path / name)
        np.testing.assert_array_equal(image, np.asarray(wide.crop((4, 0, 28, 24))))  # 32 x 24: the middle, unscaled
    assert data.images("prompts", np.array([], int)).shape == (0, 24, 24, 3)


@pytest.mark.parametrize(
    ("name", "defect"),
    [
        ("truncated.jpg", "broken_image"),
        ("text.jpg", "broken_image"),
        ("huge.png", "huge_image"),
        ("float.tiff", "unsupported_mode"),
        ("gone.jpg", "missing_file"),
    ],
)
def test_a_picture_that_cannot_be_used_names_itself_and_the_way_out(name: str, defect: str, tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path)
    data = ImageFolder(str(tmp_path), {"prompts": 30}, max_pixels=make.MAX_PIXELS)
    place = data.ids("prompts", np.arange(30))
    with pytest.raises(BrokenImage) as caught:
        data.picture(pictures_of(data)[f"b/{name}"])
    if f"b/{name}" in place:
        with pytest.raises(ValueError, match=name):
            data.images("prompts", np.array([place.index(f"b/{name}")]))
    assert caught.value.defect == defect
    said = str(caught.value)
    assert str(tmp_path / "b" / name) in said
    assert "python -m datamodules.check TESTBED --decode --write" in said


def test_a_picture_beyond_pillows_own_limit_is_huge_not_a_warning(tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path, odd=False)
    header = bytearray((tmp_path / "a" / "00.jpg").read_bytes())
    frame = header.index(b"\xff\xc0") + 5
    header[frame : frame + 4] = b"\xff\xff\xff\xff"  # 65535 x 65535 pixels
    (tmp_path / "a" / "00.jpg").write_bytes(header)
    data = ImageFolder(str(tmp_path), {})
    with pytest.raises(BrokenImage, match="max_pixels"):
        data.picture(pictures_of(data)["a/00.jpg"])
    with pytest.raises(ValueError, match="max_pixels: found 200000000; allowed: 1 to 178956970"):
        ImageFolder(str(tmp_path), {}, max_pixels=200_000_000)

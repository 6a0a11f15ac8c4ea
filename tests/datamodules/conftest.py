"""Small data sets of real pictures, written to a folder in every layout that is read, with defects planted."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

#: Where each planted defect lies, by name of the file.
PLANTED = {
    "broken_image": ["truncated.jpg", "text.jpg"],
    "huge_image": ["huge.png"],
    "unsupported_mode": ["float.tiff"],
    "grayscale": ["gray.png", "sixteen.png"],
    "cmyk": ["cmyk.jpg"],
    "palette": ["moving.gif", "palette.png"],
    "alpha": ["alpha.png", "palette.png"],
    "exif_rotation": ["turned.jpg"],
    "sixteen_bit": ["sixteen.png"],
    "animated": ["moving.gif"],
}
MAX_PIXELS = 10_000


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def plain(number: int) -> bytes:
    """A photograph that is like no other: noise."""
    noise = np.random.default_rng(number).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    return encoded(Image.fromarray(noise), "JPEG", quality=90)


def odd_pictures() -> dict[str, bytes]:
    """File name -> bytes of a picture that is no plain RGB one."""
    red = Image.new("RGB", (32, 24), (200, 30, 10))
    half = Image.new("RGBA", (32, 24), (200, 30, 10, 0))
    half.paste((0, 0, 255, 255), (0, 0, 16, 24))
    wide = Image.new("RGB", (32, 16), "black")
    wide.paste((255, 255, 255), (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter to the right
    whole = plain(1000)
    palette = red.quantize(4)
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    return {
        "gray.png": encoded(red.convert("L"), "PNG"),
        "cmyk.jpg": encoded(red.convert("CMYK"), "JPEG", quality=100),
        "palette.png": encoded(palette, "PNG", transparency=0),
        "alpha.png": encoded(half, "PNG"),
        "turned.jpg": encoded(wide, "JPEG", exif=exif, quality=100),
        "sixteen.png": encoded(Image.fromarray(np.full((8, 8), 40_000, np.uint16)), "PNG"),
        "moving.gif": encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "truncated.jpg": whole[: len(whole) // 2],
        "text.jpg": b"this is no picture",
        "huge.png": encoded(Image.new("RGB", (200, 60)), "PNG"),
        "float.tiff": encoded(Image.fromarray(np.ones((8, 8), np.float32)), "TIFF"),
    }


def sentences(name: str, count: int = 5) -> list[str]:
    return [f"{name} said in way {i}" for i in range(count)]


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def write_json(file: Path, value: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value))


def write_coco_karpathy(root: Path, turn: Callable[[list], list] = list) -> None:
    """`dataset_coco.json` over 2014 folders; image 1 has no caption, 2 stands twice, 3 has no file."""
    images = []
    for number in range(40):
        part = ("train", "restval", "val", "test")[number % 4]
        folder = "train2014" if part == "train" else "val2014"
        name = f"COCO_{folder}_{number:012d}.jpg"
        said = [] if number == 1 else [{"raw": f" {text}\n"} for text in sentences(f"image {number}", 5 + number % 2)]
        row = {"filepath": folder, "filename": name, "split": part, "cocoid": number, "sentences": said}
        images += [row, {**row, "sentences": [{"raw": "zzz"}]}] if number == 2 else [row]
        if number != 3:
            put(root / folder, {name: plain(number)})
    write_json(root / "dataset_coco.json", {"images": turn(images), "dataset": "coco"})


def write_coco_annotations(root: Path, year: int = 2017, turn: Callable[[list], list] = list) -> None:
    """COCO's own files; image 1 has no annotation, 2 stands twice, 3 has no file."""
    for part, start, count in (("train", 0, 20), ("val", 20, 10)):
        images, notes = [], []
        for number in range(start, start + count):
            name = f"{number:012d}.jpg"
            images += [{"id": number, "file_name": name}] * (2 if number == 2 else 1)
            notes += [
                {"id": number * 10 + i, "image_id": number, "caption": text}
                for i, text in enumerate(sentences(f"image {number}"))
                if number != 1
            ]
            if number != 3:
                put(root / f"{part}{year}", {name: plain(number)})
        value = {"images": turn(images), "annotations": turn(notes)}
        write_json(root / "annotations" / f"captions_{part}{year}.json", value)


def write_flickr(root: Path, turn: Callable[[list], list] = list) -> None:
    """Both lists of Flickr30k; image 1 has only empty captions, 3 no file; in Karpathy's list 2 stands twice."""
    images, lines = [], []
    for number in range(30):
        name = f"{number + 100}.jpg"
        said = [" ", ""] if number == 1 else sentences(f"image {number}")
        row = {"filename": name, "split": ("train", "val", "test")[number % 3], "imgid": number}
        images += [{**row, "sentences": [{"raw": text} for text in said]}] * (2 if number == 2 else 1)
        lines += [f"{name}#{i}\t{text}" for i, text in enumerate(said)]
        (root / "flickr30k-images").mkdir(parents=True, exist_ok=True)
        if number != 3:
            put(root / "flickr30k-images", {name: plain(number)})
    write_json(root / "dataset_flickr30k.json", {"images": turn(images)})
    (root / "results_20130124.token").write_text("\n".join(turn(lines)) + "\n", encoding="utf-8")


def write_imagefolder(root: Path, turn: Callable[[list], list] = list, field: str = "text", odd: bool = True) -> None:
    """Two folders with a list each: 20 plain images and the odd ones; `none.jpg` has no caption, `gone.jpg` no file."""
    files = {f"{number:02d}.jpg": plain(number) for number in range(20)}
    rows = [{"file_name": name, field: sentences(name, 1 + i % 3)} for i, name in enumerate(files)]
    put(root / "a", files)
    (root / "a" / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in turn(rows)))
    if not odd:
        return
    pictures = {**odd_pictures(), "none.jpg": plain(50), "twice.jpg": plain(51), "copy.jpg": plain(0)}
    put(root / "b", pictures)
    rows = [{"file_name": name, field: f"a picture called {name}"} for name in pictures if name != "none.jpg"]
    rows += [{"file_name": "none.jpg"}, {"file_name": "twice.jpg", field: "zzz"}, {"file_name": "gone.jpg", field: "x"}]
    (root / "b" / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in turn(rows)))


def write_parquet(root: Path, turn: Callable[[list], list] = list, cells: str = "struct", groups: int = 3) -> None:
    """Two files; row 1 has a null caption, 2 an empty list, 3 the id of 4, 5 no image, 6 a broken one."""
    root.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for number in range(24):
        content = {5: None, 6: b"no picture"}.get(number, plain(number))
        said = {1: None, 2: []}.get(number, sentences(f"row {number}", 1 + number % 6))
        cell = content if cells == "bytes" else {"bytes": content, "path": f"{number}.jpg" if content else None}
        rows.append({"picture": cell, "said": said, "key": 4 if number == 3 else number})
    kind = pa.binary() if cells == "bytes" else pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema({"picture": kind, "said": pa.list_(pa.string()), "key": pa.int64()})
    rows = turn(rows)
    for name, part in (("0.parquet", rows[:13]), ("1.parquet", rows[13:])):
        pq.write_table(pa.Table.from_pylist(part, schema), root / name, row_group_size=groups)


@pytest.fixture
def shuffled() -> Callable[[list], list]:
    """Return a list in another order."""
    return lambda items: [items[i] for i in np.random.default_rng(1).permutation(len(items))]

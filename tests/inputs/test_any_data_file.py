"""Whatever lies in a list or a picture: it is read with the right count, or refused in one sentence; never a traceback."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from datamodules.check import LEFT_OUT, inspect
from datamodules.coco import CocoAnnotations, CocoCaptions
from datamodules.flickr30k import Flickr30kTokens
from datamodules.imagefolder import ImageFolder
from datamodules.listed import Listed
from datamodules.parquet import ParquetImages
from datamodules.pictures import BrokenImage
from tests.inputs.damage import damaged

WORDS = st.sampled_from(
    ["a dog runs", "ein Käfer", "cafe\u0301", "line\u2028sep", "next\x85line", "\ufeffbom", "tab\tin", " ", "", "日本", "\ud800x",
     "nul\0", "x" * 500, "a\rb", "\u200b"]
)  # fmt: skip
NAMES = st.sampled_from(
    ["a.jpg", "b.jpg", "./a.jpg", "s/../b.jpg", "s//c.jpg", "s\\c.jpg", "A.jpg", "é.jpg", "e\u0301.jpg", " d.jpg", "._a.jpg",
     ".Trash/a.jpg", "../up.jpg", "/abs.jpg", "C:\\x.jpg", "http://x/y.jpg", "", ".", "n\0.jpg", "l" * 300, "\udc80.jpg", "s"]
)  # fmt: skip
ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.just([]), st.just({}), st.just([["a"]]))
IDS = st.one_of(st.integers(0, 9), st.sampled_from(["1", "007", "7.0", " 2", "x", 2.0, 2.5, 2.0**60, 10**30]), ODD)
CAPTIONS = st.one_of(WORDS, st.lists(WORDS, max_size=3), ODD)


def refused_or_counted(make: Callable[[], Listed], count: int | None, *files: str) -> Listed | None:
    """Make a data set; it holds every row (if known), or is refused in one sentence that names one of the files."""
    try:
        data = make()
    except ValueError as error:
        refusal(str(error), files)
        return None
    read = len(data.unchecked) + sum(len(ids) for name, ids in data.report().items() if name != "excluded")
    assert all("\n" not in note for note in data.notes())
    assert count is None or read == count
    return data


def refusal(said: str, files: tuple[str, ...]) -> None:
    """It is one short sentence that names one of the files."""
    assert len(said) < 300, said
    assert "\n" not in said
    assert said.isprintable()
    assert "allowed" in said
    assert any(file in said for file in files), said


def looked_at(data: Listed) -> None:
    """Every picture has an outcome, and what the check says of it is what a run meets."""
    found = inspect(data, decode=True)
    bad = {i for name in LEFT_OUT if name != "duplicate_image" for i in found.get(name, ())}
    for entry in data.unchecked:
        if entry.id in bad:
            with pytest.raises(BrokenImage):
                data.picture(entry)
        else:
            assert data.picture(entry).shape == (data.resolution, data.resolution, 3)


def lines_in(content: bytes) -> int:
    text = content.replace(b"\r", b"\n").removeprefix(b"\xef\xbb\xbf")
    return sum(bool(line.strip().decode("utf-8", "replace").strip()) for line in text.split(b"\n"))


@st.composite
def metadata(draw: st.DrawFn) -> Callable[[Path], None]:
    rows = draw(
        st.lists(
            st.fixed_dictionaries({"file_name": NAMES | ODD}, optional={"text": CAPTIONS, "more": ODD}), max_size=6
        )
    )
    content = "".join(json.dumps(row, ensure_ascii=draw(st.booleans())) + "\n" for row in rows)
    content = damaged(draw, content.encode("utf-8", "replace"))

    def check(root: Path) -> None:
        (root / "metadata.jsonl").write_bytes(content)
        (root / "a.jpg").write_bytes(picture_bytes("JPEG", "RGB"))
        data = refused_or_counted(
            lambda: ImageFolder(str(root), {}, resolution=4), lines_in(content), "metadata.jsonl", str(root)
        )
        if data is not None:
            looked_at(data)

    return check


@st.composite
def tokens(draw: st.DrawFn) -> Callable[[Path], None]:
    names = draw(st.lists(st.sampled_from(["1.jpg", "2.jpg", "é.jpg", "x y.jpg"]), max_size=5, unique=True))
    lines = [f"{name}#{turn}\t{draw(WORDS)}" for name in names for turn in range(draw(st.integers(1, 3)))]
    if draw(st.integers(0, 3)) == 0:
        lines.append(
            draw(st.sampled_from(["no tab", "1.jpg\tno turn", "1.jpg#x\tno number", "#0\tno name", "../1.jpg#0\tout"]))
        )
        names = []
    text = "\n".join(line.replace("\r", " ").replace("\ud800", "") for line in lines) + "\n"
    whole = text.encode()
    content = damaged(draw, whole)
    same = content.replace(b"\r\n", b"\n").removeprefix(b"\xef\xbb\xbf") == whole

    def check(root: Path) -> None:
        (root / "flickr30k-images").mkdir()
        (root / "results_20130124.token").write_bytes(content)
        if same and names:
            assert refused_or_counted(lambda: Flickr30kTokens(str(root), {}), len(names), "-") is not None
        else:
            refused_or_counted(lambda: Flickr30kTokens(str(root), {}), None, "results_20130124.token", str(root))

    return check


@st.composite
def coco(draw: st.DrawFn) -> Callable[[Path], None]:
    images = [{"id": draw(IDS), "file_name": draw(NAMES)} for _ in range(draw(st.integers(0, 4)))]
    notes = [{"id": turn, "image_id": draw(IDS), "caption": draw(CAPTIONS)} for turn in range(draw(st.integers(0, 4)))]
    karpathy = [
        {"cocoid": draw(IDS), "filepath": draw(st.sampled_from(["val2014", "..", "train2014"])), "filename": draw(NAMES),
         "split": draw(st.sampled_from(["train", "val", "test", "dev", None])), "sentences": draw(st.lists(st.fixed_dictionaries({}, optional={"raw": CAPTIONS}), max_size=2) | ODD)}
        for _ in range(draw(st.integers(0, 3)))
    ]  # fmt: skip
    for row in (*images, *notes, *karpathy):
        if draw(st.integers(0, 9)) == 0:
            row.pop(draw(st.sampled_from(sorted(row))))
    one = draw(
        st.sampled_from([{"images": images, "annotations": notes}, {"images": images}, [images], {"images": {}}, 5])
    )
    content = damaged(draw, json.dumps(one, ensure_ascii=True).encode())
    other = damaged(draw, json.dumps({"images": karpathy}, ensure_ascii=True).encode())

    def check(root: Path) -> None:
        for folder in ("annotations", "train2017", "val2017", "train2014", "val2014"):
            (root / folder).mkdir()
        (root / "annotations" / "captions_train2017.json").write_bytes(content)
        (root / "annotations" / "captions_val2017.json").write_text('{"images": [], "annotations": []}')
        (root / "dataset_coco.json").write_bytes(other)
        files = ("captions_train2017.json", "dataset_coco.json", str(root))
        data = refused_or_counted(lambda: CocoAnnotations(str(root), {}), len(images), *files)
        if data is not None:
            looked_at(data)
        refused_or_counted(lambda: CocoCaptions(str(root), {}), len(karpathy), *files)

    return check


KINDS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "string": (pa.string(), ["a", None, "", " b "]),
    "large": (pa.large_string(), ["a", "c"]),
    "words": (pa.list_(pa.string()), [["a", None], [], None, ["b"]]),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), ["a", "b"]),
    "int": (pa.int64(), [1, 2, None]),
    "float": (pa.float64(), [1.0, 2.5, 2.0**60, None]),
    "short float": (pa.float32(), [1.0, 2.0**24]),
    "bool": (pa.bool_(), [True, False]),
    "bytes": (pa.binary(), [b"no picture", b"", None]),
    "struct": (pa.struct([("bytes", pa.binary()), ("path", pa.string())]), [{"bytes": b"x", "path": None}, None]),
    "odd struct": (pa.struct([("a", pa.int8())]), [{"a": 1}]),
    "nested": (pa.list_(pa.list_(pa.string())), [[["a"]]]),
    "null": (pa.null(), [None]),
    "date": (pa.date32(), [1]),
}


@st.composite
def parquet(draw: st.DrawFn) -> Callable[[Path], None]:
    count = draw(st.integers(0, 4))
    columns = []
    for name, likely in (("image", "bytes"), ("caption", "string"), ("key", "int")):
        kind, values = KINDS[draw(st.just(likely) | st.sampled_from(sorted(KINDS)))]
        columns.append((name, pa.array([draw(st.sampled_from(values)) for _ in range(count)], kind)))
    columns = [c for c in columns if draw(st.integers(0, 9))] + ([columns[1]] if not draw(st.integers(0, 9)) else [])
    table = pa.Table.from_arrays([c for _, c in columns], names=[n for n, _ in columns])
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    content = buffer.getvalue()
    cut = draw(st.sampled_from([None, None, None, 0, 10, len(content) - 3]))
    named = draw(st.booleans())

    def check(root: Path) -> None:
        (root / "x.parquet").write_bytes(content[:cut])
        data = refused_or_counted(
            lambda: ParquetImages(str(root), {}, id="key" if named else None, resolution=4),
            count,
            "x.parquet",
            str(root),
        )
        if data is not None:
            looked_at(data)

    return check


def picture_bytes(kind: str, mode: str, size: tuple[int, int] = (9, 5), **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


MADE = [("PNG", "RGB"), ("PNG", "P"), ("PNG", "RGBA"), ("PNG", "1"), ("PNG", "LA"), ("PNG", "I;16"), ("JPEG", "RGB"), ("JPEG", "CMYK"),
        ("JPEG", "L"), ("GIF", "P"), ("WEBP", "RGBA"), ("TIFF", "F"), ("TIFF", "RGB"), ("TIFF", "LAB"), ("BMP", "RGB"), ("PPM", "L"),
        ("JPEG2000", "RGB"), ("ICO", "RGBA")]  # fmt: skip


@st.composite
def pictures(draw: st.DrawFn) -> Callable[[Path], None]:
    files = []
    for _ in range(draw(st.integers(1, 3))):
        kind, mode = draw(st.sampled_from(MADE))
        options: dict[str, Any] = {}
        size = draw(st.sampled_from([(9, 5), (1, 1), (1, 40), (40, 1)]))
        if kind in ("PNG", "JPEG", "WEBP", "TIFF") and draw(st.booleans()):
            exif = Image.Exif()
            exif[0x0112] = draw(st.integers(0, 10))
            options["exif"] = exif
        if kind in ("GIF", "WEBP", "TIFF", "PNG") and draw(st.booleans()):
            options |= {"save_all": True, "append_images": [Image.new(mode, size)]}

        content = picture_bytes(kind, mode, size, **options)
        for _ in range(draw(st.integers(0, 3))):
            content = damaged(draw, content)
        files.append(draw(st.just(content) | st.sampled_from([b"", b"<svg/>", b"<html>", b"\0" * 99])))

    def check(root: Path) -> None:
        rows = [{"file_name": f"{number}.jpg", "text": "x"} for number in range(len(files))]
        for row, content in zip(rows, files, strict=True):
            (root / row["file_name"]).write_bytes(content)
        (root / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        data = ImageFolder(str(root), {}, resolution=4, max_pixels=10_000)
        looked_at(data)
        inspect(data)

    return check


@pytest.mark.parametrize("count", [30, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", [metadata, tokens, coco, parquet, pictures])
def test_any_file_is_read_with_the_right_count_or_refused(kind: Any, count: int) -> None:
    @settings(
        max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(kind())
    def holds(check: Callable[[Path], None]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            check(Path(folder))

    holds()

"""Whatever lies in a folder: it is read item by item, or refused in one sentence; never a traceback."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datamodules.layouts import BrokenImage, open_set
from datamodules.layouts.finding import LAYOUTS
from records.errors import UsageError, sentence
from tests.datamodules.conftest import plain
from tests.inputs.damage import damaged

PICTURE = plain(1)
NAMES = ["a", "b", "10_dog/a", "s/é", "e\u0301", "metadata", "all", "00000", "pairs", "train-0", "A", ".hidden", "x.y"]
ENDINGS = [
    ".jpg",
    ".PNG",
    ".txt",
    ".caption",
    ".json",
    ".jsonl",
    ".csv",
    ".tsv",
    ".parquet",
    ".tar",
    ".tar.gz",
    ".arrow",
    "",
    ".npy",
]
WORDS = [
    "a dog",
    "",
    " ",
    "ein Käfer",
    "l\u2028m",
    "\ufeffbom",
    "tab\tin",
    'quote " in',
    "x" * 500,
    "a\rb\nc",
    "nul\0",
    "\u200b",
]
CELLS = st.one_of(
    st.sampled_from(WORDS),
    st.lists(st.sampled_from(WORDS), max_size=3),
    st.none(),
    st.integers(-1, 3),
    st.just(2.5),
    st.just({}),
)
PATHS = st.sampled_from(
    ["a.jpg", "./b.png", "../x.jpg", "/abs.jpg", "http://x/y.jpg", "", "n\0.jpg", "l" * 300, "gone.jpg", "s/é.jpg"]
)
COLUMNS = ["caption", "text", "file_name", "image", "id", "key", "status", "jpg", "other"]


def text(draw: st.DrawFn, ending: str) -> bytes:
    rows = draw(st.lists(st.dictionaries(st.sampled_from(COLUMNS), CELLS | PATHS, max_size=4), max_size=4))
    if ending in (".csv", ".tsv"):
        mark = "," if ending == ".csv" else "\t"
        lines = [mark.join(COLUMNS[:3]), *(mark.join(str(value) for value in row.values()) for row in rows)]
        return "\n".join(lines).encode("utf-8", "replace")
    if ending in (".jsonl", ".json"):
        return "\n".join(json.dumps(row) for row in rows).encode("utf-8", "replace")
    return draw(st.sampled_from(WORDS)).encode()


def table(draw: st.DrawFn) -> bytes:
    count = draw(st.integers(0, 4))
    kinds: dict[str, Any] = {
        "text": st.sampled_from(["a dog", "", None]), "path": PATHS, "bytes": st.sampled_from([PICTURE, b"none", None]),
        "list": st.lists(st.sampled_from(WORDS), max_size=2), "number": st.integers(0, 2),
        "struct": st.fixed_dictionaries({"bytes": st.sampled_from([PICTURE, b"", None]), "path": st.sampled_from(["a.jpg", None])}),
    }  # fmt: skip
    names = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4, unique=True))
    picks = {name: kinds[draw(st.sampled_from(sorted(kinds)))] for name in names}
    held = pa.table({name: pa.array([draw(cell) for _ in range(count)]) for name, cell in picks.items()})
    buffer = io.BytesIO()
    pq.write_table(held, buffer, row_group_size=2)
    return buffer.getvalue()


def shard(draw: st.DrawFn, mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for _ in range(draw(st.integers(0, 5))):
            ending = draw(st.sampled_from([".jpg", ".txt", ".json", ".seg.png", "", ".cls"]))
            content = PICTURE if ending == ".jpg" else text(draw, ending)
            info = tarfile.TarInfo(draw(st.sampled_from(["1", "2", "./3", "d/4", ".5", "__meta__", "é"])) + ending)
            info.size = len(content)
            if draw(st.integers(0, 9)) == 0:
                info.type, info.size, content = tarfile.SYMTYPE, 0, b""
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@st.composite
def folders(draw: st.DrawFn) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    endings = draw(st.lists(st.sampled_from(ENDINGS), min_size=1, max_size=3, unique=True))
    for _ in range(draw(st.integers(0, 6))):
        ending = draw(st.sampled_from(endings))
        content = {
            ".jpg": lambda: PICTURE, ".parquet": lambda: table(draw), ".tar": lambda: shard(draw, "w"),
            ".tar.gz": lambda: shard(draw, "w:gz"),
        }.get(ending, lambda e=ending: text(draw, e))()  # fmt: skip
        files[draw(st.sampled_from(NAMES)) + ending] = damaged(draw, content)
    if draw(st.integers(0, 9)) == 0:
        files[draw(st.sampled_from(["state.json", "dataset_dict.json"]))] = text(draw, ".json")
    return files


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    files=folders(),
    layout=st.sampled_from(["auto", "auto", "auto", *LAYOUTS]),
    columns=st.dictionaries(
        st.sampled_from(["caption", "image", "id", "split"]),
        st.sampled_from([*COLUMNS, "json.text", "txt"]),
        max_size=1,
    ),
)
def test_a_folder_of_anything_is_read_or_refused_in_one_sentence(
    files: dict[str, bytes], layout: str, columns: dict[str, str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            file = Path(folder, name)
            with suppress(OSError):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        try:
            found = open_set(Path(folder), layout, columns)
            ids = [read(item) for item in found.items()]
        except UsageError as error:
            refusal(error, folder)
            return
        assert len(set(ids)) == len(ids)
        assert all(0 < len(found.problems[kind]) <= count for kind, count in found.counts.items())
        assert "\n" not in found.told


def refusal(error: UsageError, folder: str) -> None:
    said = sentence(error)
    assert folder.rpartition("/")[2] in said
    assert "allowed" in said
    assert "\n" not in str(error)


def read(item: Any) -> str:
    assert all(text == text.strip() != "" for text in item.captions)
    if item.picture is not None:
        with suppress(BrokenImage):
            assert item.picture.pixels().shape[2] == 3
    one: str = item.id
    return one

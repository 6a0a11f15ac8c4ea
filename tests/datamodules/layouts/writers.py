"""One small set of pictures and captions, written in every layout that is read."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset, DatasetDict, Features, Image, Value
from datasets import List as ListOf
from PIL import Image as Pillow

from datamodules.pairs import Pairs
from tests.datamodules.conftest import plain, put


@dataclass(frozen=True)
class Row:
    """One picture with captions; `status` is of its download."""

    key: str
    captions: tuple[str, ...]
    content: bytes | None
    status: str = "success"


def rows(count: int = 12, captions: int = 1) -> list[Row]:
    """Pictures of noise; captions with letters that are no ASCII, quotes, commas and a line separator."""
    words = ["a dog", 'a "cat", black', "ein Käfer", "line\u2028separator", "日本"]
    return [
        Row(f"{i:05d}", tuple(f"{words[i % 5]} number {i} said {k}" for k in range(captions)), plain(i))
        for i in range(count)
    ]


def tar(file: Path, members: Sequence[tuple[str, bytes]], mode: str = "w") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def members(data: Sequence[Row], text: str = "txt") -> list[tuple[str, bytes]]:
    found = []
    for row in data:
        if row.content is not None:
            found.append((f"{row.key}.jpg", row.content))
        if row.captions:
            whole = json.dumps({"caption": list(row.captions), "key": row.key}) if text == "json" else row.captions[0]
            found.append((f"{row.key}.{text}", whole.encode()))
    return found


def parts(data: Sequence[Row]) -> list[Sequence[Row]]:
    return [data[:5], data[5:9], data[9:]]


def webdataset(root: Path, data: Sequence[Row], text: str = "txt", mode: str = "w", ending: str = "tar") -> Path:
    for number, part in enumerate(parts(data)):
        tar(root / f"{number:05d}.{ending}", members(part, text), mode)
    return root


def img2dataset(root: Path, data: Sequence[Row], kind: str = "webdataset") -> Path:
    """As rom1504/img2dataset writes it: only what was downloaded goes into shards, all rows into the tables."""
    for number, part in enumerate(parts(data)):
        name = f"{number:05d}"
        good = [row for row in part if row.status == "success"]
        meta = [
            {"url": f"http://x/{row.key}", "caption": row.captions[0] if row.captions else None, "key": row.key, "status": row.status,
             "error_message": None if row.status == "success" else "HTTP Error 404", "width": 32}
            for row in part
        ]  # fmt: skip
        if kind == "parquet":
            meta = [
                {**cells, "jpg": row.content if row in good else None} for row, cells in zip(part, meta, strict=True)
            ]
        (root / name).mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(meta), root / f"{name}.parquet")
        (root / f"{name}_stats.json").write_text(json.dumps({"count": len(part), "successes": len(good)}))
        beside = [*members(good), *((f"{row.key}.json", json.dumps({"key": row.key}).encode()) for row in good)]
        if kind == "files":
            put(root / name, dict(beside))
            continue
        (root / name).rmdir()
        if kind == "webdataset":
            tar(root / f"{name}.tar", sorted(beside))
    return root


def pictures(root: Path, data: Sequence[Row], folder: str = "") -> list[str]:
    put(root / folder, {f"{row.key}.jpg": row.content for row in data if row.content is not None})
    return [f"{folder}/{row.key}.jpg" if folder else f"{row.key}.jpg" for row in data]


def kohya(root: Path, data: Sequence[Row], ending: str = "txt", folders: tuple[str, ...] = ("",)) -> Path:
    for number, folder in enumerate(folders):
        part = data[number :: len(folders)]
        pictures(root, part, folder)
        put(root / folder, {f"{row.key}.{ending}": row.captions[0].encode() for row in part if row.captions})
    return root


def write_list(file: Path, table: list[dict[str, Any]]) -> None:
    """Write rows as CSV, TSV, JSON lines or Parquet; a list of captions is a row a caption in the first two."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(table), file)
    elif file.suffix == ".jsonl":
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table), encoding="utf-8")
    else:
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(table[0]), delimiter="\t" if file.suffix == ".tsv" else ",")
            writer.writeheader()
            for row in table:
                texts = [(k, v) for k, v in row.items() if isinstance(v, list)]
                single = [{**row, k: text} for k, v in texts for text in v] if texts else [row]
                writer.writerows(single)


def listed(root: Path, data: Sequence[Row], file: str, image: str = "file_name", caption: str = "text") -> Path:
    names = pictures(root, data, "p")
    write_list(
        root / file,
        [{image: name, caption: list(row.captions)} for name, row in zip(names, data, strict=True)],
    )
    return root


def hub(data: Sequence[Row]) -> Dataset:
    features = Features({"image": Image(), "caption": ListOf(Value("string"))})
    cells = {
        "image": [None if row.content is None else {"bytes": row.content, "path": f"{row.key}.jpg"} for row in data],
        "caption": [list(row.captions) for row in data],
    }
    return Dataset.from_dict(cells, features)


def saved(root: Path, data: Sequence[Row]) -> Path:
    hub(data).save_to_disk(str(root), num_shards=3)
    return root


def saved_splits(root: Path, data: Sequence[Row]) -> Path:
    DatasetDict({"train": hub(data[:7]), "test": hub(data[7:])}).save_to_disk(str(root))
    return root


def parquet(root: Path, data: Sequence[Row], cells: str = "hub") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(parts(data)):
        file = root / f"train-{number:05d}-of-00003.parquet"
        if cells == "hub":
            hub(part).to_parquet(str(file), batch_size=2)
        elif cells == "bytes":
            table = [{"key": row.key, "jpg": row.content, "txt": list(row.captions)} for row in part]
            pq.write_table(pa.Table.from_pylist(table), file, row_group_size=3)
        else:
            names = pictures(root, part, "p")
            table = [{"image": n, "caption": list(row.captions)} for n, row in zip(names, part, strict=True)]
            pq.write_table(pa.Table.from_pylist(table), file)
    return root


def pairs(data: Sequence[Row]) -> Pairs:
    decoded = [np.asarray(Pillow.open(io.BytesIO(row.content or b"")).convert("RGB")) for row in data]
    texts = tuple(row.captions[0] for row in data)
    return Pairs(np.arange(len(data)), np.stack(decoded), texts, texts, np.ones(len(data), np.int16))


def pool(root: Path, data: Sequence[Row]) -> Path:
    pairs(data).save(root)
    return root


def shared_pool(root: Path, data: Sequence[Row]) -> Path:
    """A pool whose pictures lie in files of two others."""
    half = len(data) // 2
    pairs(data[:half]).save(root.with_name("one"))
    pairs(data[half:]).save(root.with_name("two"))
    Pairs.concat([Pairs.load(root.with_name("one")), Pairs.load(root.with_name("two"))]).save(root)
    return root


def exported(root: Path, data: Sequence[Row]) -> Path:
    root.mkdir()
    pairs(data).export(root / "pool.parquet")
    return root


#: Name -> what writes it, the layout that it is found to be, whether it holds several captions a picture.
WRITERS: dict[str, tuple[Callable[[Path, Sequence[Row]], Path], str, bool]] = {
    "shards, .txt": (webdataset, "webdataset", False),
    "shards, .json": (lambda r, d: webdataset(r, d, "json"), "webdataset", True),
    "shards, compressed": (lambda r, d: webdataset(r, d, "txt", "w:gz", "tar.gz"), "webdataset", False),
    "img2dataset, shards": (img2dataset, "img2dataset", False),
    "img2dataset, files": (lambda r, d: img2dataset(r, d, "files"), "img2dataset", False),
    "img2dataset, Parquet": (lambda r, d: img2dataset(r, d, "parquet"), "img2dataset", False),
    "kohya, .txt": (kohya, "kohya", False),
    "kohya, .caption": (lambda r, d: kohya(r, d, "caption"), "kohya", False),
    "kohya, repeats": (lambda r, d: kohya(r, d, "txt", ("10_dog", "1_cat")), "kohya", False),
    "imagefolder, .jsonl": (lambda r, d: listed(r, d, "metadata.jsonl"), "imagefolder", True),
    "imagefolder, .csv": (lambda r, d: listed(r, d, "metadata.csv"), "imagefolder", True),
    "imagefolder, .parquet": (lambda r, d: listed(r, d, "metadata.parquet"), "imagefolder", True),
    "save_to_disk": (saved, "save_to_disk", True),
    "save_to_disk, splits": (saved_splits, "save_to_disk", True),
    "Parquet of a hub": (parquet, "parquet", True),
    "Parquet of bytes": (lambda r, d: parquet(r, d, "bytes"), "parquet", True),
    "Parquet of paths": (lambda r, d: parquet(r, d, "paths"), "parquet", True),
    "CSV": (lambda r, d: listed(r, d, "all.csv", "path", "caption"), "table", True),
    "TSV": (lambda r, d: listed(r, d, "all.tsv", "image", "prompt"), "table", True),
    "JSON lines": (lambda r, d: listed(r, d, "all.jsonl", "image_path", "caption"), "table", True),
    "pairs": (pool, "pairs", False),
    "pairs, linked": (shared_pool, "pairs", False),
    "pairs, exported": (exported, "pairs", False),
}

"""What lies in a folder, and which layout that is; where it could be several, all of them are named."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from datamodules.excluded import EXCLUDED
from datamodules.layouts.arrow import Table
from datamodules.layouts.columns import choose
from datamodules.layouts.img2dataset import of_img2dataset
from datamodules.layouts.on_disk import PICTURES, Files, ending_of
from datamodules.layouts.rows import own
from datamodules.layouts.tables import CELLS, LINES, fields
from datamodules.layouts.webdataset import expanded
from datamodules.reading import few, shown
from records.errors import UsageError

#: Layout -> what has to lie there.
LAYOUTS = {
    "webdataset": ".tar shards of key.jpg beside key.txt or key.json",
    "img2dataset": "shards, folders or Parquet beside .parquet with key and status",
    "kohya": "pictures beside .txt or .caption",
    "imagefolder": "pictures, and metadata.jsonl, .csv or .parquet with file_name",
    "save_to_disk": "dataset_info.json, state.json and .arrow, or dataset_dict.json",
    "parquet": ".parquet with a column of pictures",
    "table": ".csv, .tsv or .jsonl with paths of pictures",
    "captions": ".txt of one caption a line, or .csv, .jsonl, .parquet without pictures",
    "images": "pictures alone",
    "pairs": "pairs.parquet, as this project writes it",
}
#: So many pictures beside tables or shards that hold some are taken for those of a page about them.
_DECORATION = 20
_SHARD = re.compile(r"\.(tar|tgz|tar\.gz)$", re.IGNORECASE)
_PARQUET = (".parquet", ".pq")
_PROSE = re.compile(r"(readme|license|licence|notice|changelog|requirements|robots)[^/]*", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """What a path leads to.

    Attributes:
        path: As it was named.
        root: The folder, or that of the file or files that were named.
        files: Below it, or those that were named.
        named: Whether files were named, not a folder.
    """

    path: Path
    root: Path
    files: Files
    named: bool

    @cached_property
    def counts(self) -> dict[str, int]:
        """Return ending -> number of files."""
        return self.files.count()

    @property
    def said(self) -> str:
        """Say what lies there, the most first: "found 3 .tar, 40 .txt beside 40 .jpg"."""
        most = sorted(self.counts.items(), key=lambda item: -item[1])[:4]
        words = [f"{number} {ending or 'without ending'}" for ending, number in most]
        for i in range(len(most) - 1):
            if self.files.beside([most[i][0]], [most[i + 1][0]]):
                words[i : i + 2] = ["", f"{words[i]} beside {words[i + 1]}"]
        return f"found {', '.join(filter(None, words))}" if words else "found no file"

    @cached_property
    def shards(self) -> list[str]:
        """Return the paths of tar files."""
        return [path for path in self.files.paths(".tar", ".tgz", ".gz") if _SHARD.search(path)]

    @cached_property
    def parquet(self) -> list[str]:
        """Return the paths of Parquet files that are no metadata and no part of pairs."""
        return [path for path in self.files.paths(*_PARQUET) if _stem(path) != "metadata" and not _part(path)]

    @cached_property
    def metadata(self) -> list[str]:
        """Return the paths of lists named `metadata`; those of another kind in a folder that has one are refused."""
        paths = [path for path in self.files.paths(*LINES, *CELLS, *_PARQUET) if _stem(path) == "metadata"]
        folders = [path.rpartition("/")[0] for path in paths]
        if twice := [path for path, folder in zip(paths, folders, strict=True) if folders.count(folder) > 1]:
            raise UsageError(f"{self.path}: found {few(twice)} in one folder; allowed: one list of pictures a folder")
        return paths

    @cached_property
    def pairs(self) -> list[str]:
        """Return the paths of pairs of this project."""
        named = [path for path in self.files.paths(".parquet") if PurePosixPath(path).name == "pairs.parquet"]
        return named or [path for path in self.parquet[:1] if own(Table(self.root, path)) is not None]

    def lists(self) -> list[str]:
        """Return the paths of lists as text, all of one kind."""
        paths = [
            p for p in self.files.paths(*LINES, *CELLS) if p != EXCLUDED and (self.named or _stem(p) != "metadata")
        ]
        kinds = {ending_of(path) for path in paths}
        if len(kinds) > 1:
            raise UsageError(
                f"{self.path}: found lists of several kinds ({few(paths)}); allowed: the path of one of them"
            )
        return paths

    def texts(self) -> list[str]:
        """Return the paths of lists of captions, or of texts of one caption a line."""
        return self.lists() or self.metadata or self.parquet or list(self.plain())

    def plain(self) -> Iterator[str]:
        """Yield the paths of texts that may be captions."""
        return (p for p in self.files.paths(".txt") if self.named or not _PROSE.fullmatch(PurePosixPath(p).stem))

    def split(self, columns: Mapping[str, str]) -> list[str]:
        """Return the paths of Parquet files, of one split if one is told: `train-00000.parquet`, `train/0.parquet`."""
        if "split" not in columns:
            return self.parquet
        split = columns["split"]
        begins = re.compile(rf"(.*/)?{re.escape(split)}([-_.].*|/.*)")
        found = [path for path in self.parquet if begins.fullmatch(path)]
        if not found:
            raise UsageError(f"{self.path}: --column split: found {shown(split)}; allowed: one of {few(self.parquet)}")
        return found

    @property
    def unlisted(self) -> Files | None:
        """Return the files of which those that no list names are counted."""
        return None if self.named else self.files

    @property
    def pictures(self) -> int:
        """Return how many pictures lie in files of their own."""
        return sum(number for ending, number in self.counts.items() if ending in PICTURES)

    def require(self, layout: str) -> None:
        """Refuse a layout of which nothing lies there."""
        saved = (self.root / "dataset_dict.json").is_file() or any(self.root.glob("*.arrow"))
        there = {
            "webdataset": lambda: self.shards,
            "img2dataset": lambda: self.parquet and of_img2dataset(Table(self.root, self.parquet[0]).names),
            "kohya": lambda: self.pictures,
            "imagefolder": lambda: self.metadata,
            "save_to_disk": lambda: saved,
            "parquet": lambda: self.parquet,
            "table": self.lists,
            "captions": self.texts,
            "images": lambda: self.pictures,
            "pairs": lambda: self.pairs,
        }
        if not there[layout]():
            raise UsageError(f"{self.path}: --layout {layout}: {self.said}; allowed: {LAYOUTS[layout]}")


def look(path: Path) -> Found:
    """Return what a path leads to: every name below a folder is read, no file.

    Raises:
        UsageError: There is nothing there.
    """
    if path.is_dir():
        return Found(path, path, Files(path), False)
    if path.is_file():
        return Found(path, path.parent, Files(path.parent, [path.name]), True)
    if "{" in path.name or "{" in str(path):
        files = expanded(path)
        root = Path(os.path.commonpath([file.parent for file in files]))
        return Found(path, root, Files(root, [file.relative_to(root).as_posix() for file in files]), True)
    raise UsageError(
        f"{path}: there is no such file or folder; allowed: a folder, a file of a set, "
        "or shards as name-{000..012}.tar"
    )


def chosen(found: Found, columns: Mapping[str, str]) -> tuple[str, str]:
    """Return the layout and why it is this one.

    Raises:
        UsageError: Nothing there can be read, or it could be read in several ways; all of them are named.
    """
    can = dict(_candidates(found, columns))
    if len(can) == 1:
        name, why = next(iter(can.items()))
        return name, why
    if can:
        ways = " or ".join(f"--layout {name} ({why})" for name, why in can.items())
        raise UsageError(f"{found.path}: {found.said}, which can be read in {len(can)} ways; allowed: {ways}")
    if found.said == "found no file" and not found.named:
        raise UsageError(f"{found.path}: found no file; allowed: a folder that holds one of {', '.join(LAYOUTS)}")
    raise UsageError(
        f"{found.path}: {found.said}, of no layout; allowed: --layout {'|'.join(LAYOUTS)}, or another folder"
    )


def _candidates(found: Found, columns: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if not found.named and (found.root / "dataset_dict.json").is_file():
        yield "save_to_disk", "dataset_dict.json is there"
        return
    if not found.named and (found.root / "state.json").is_file():
        yield "save_to_disk", "state.json is there"
        return
    if any(found.root.glob("*.arrow")) and not found.named:
        yield "save_to_disk", "there are .arrow files"
        return
    if pairs := found.pairs:
        if len(pairs) > 1:
            raise UsageError(
                f"{found.path}: found {len(pairs)} pools of pairs ({few(pairs)}); allowed: the path of one"
            )
        yield "pairs", f"{PurePosixPath(pairs[0]).name} is of this project"
        return
    packed = list(_packed(found, columns))
    yield from packed
    if found.pictures > (_DECORATION if packed else 0):
        yield from _loose(found, columns, bool(packed))
    elif not packed:
        yield from _listed(found, columns)


def _packed(found: Found, columns: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the layouts of files that hold pictures."""
    table = Table(found.root, found.parquet[0]) if found.parquet else None
    held = table is not None and any(map(table.holds_bytes, table.names))
    if table is not None and of_img2dataset(table.names) and (found.shards or found.pictures or held):
        yield "img2dataset", f"{found.parquet[0]} has key and status"
        return
    if found.shards:
        yield "webdataset", f"there are {len(found.shards)} .tar"
    if table is not None:
        image = choose(table.names, columns, str(table.file), table.holds_pictures).image
        if held or (image is not None and not found.shards):
            yield "parquet", f"{found.parquet[0]} has a column of pictures"
    if found.named and ".arrow" in found.counts:
        raise UsageError(f"{found.path}: found one .arrow; allowed: the folder that `save_to_disk` wrote")


def _loose(found: Found, columns: Mapping[str, str], packed: bool) -> Iterator[tuple[str, str]]:
    """Yield the layouts of pictures in files of their own."""
    if packed and found.parquet and of_img2dataset(Table(found.root, found.parquet[0]).names):
        return  # its format `files`
    if found.named:
        raise UsageError(f"{found.path}: found one picture; allowed: the folder of a set, or a file that lists one")
    beside = found.files.beside(PICTURES, [".txt", ".caption"])
    if found.metadata:
        yield "imagefolder", f"{found.metadata[0]} lies among pictures"
    if beside:
        yield "kohya", f"{beside} pictures have a text of their name"
    lists = [] if packed else found.lists()
    if lists and choose(fields(found.root, lists[0]), columns, str(found.root / lists[0])).image is not None:
        yield "table", f"{lists[0]} names pictures"
    elif not (packed or found.metadata or beside):
        yield "images", f"there are {found.pictures} pictures and no captions"
    elif packed and not (found.metadata or beside):
        yield "images", f"there are {found.pictures} pictures"


def _listed(found: Found, columns: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the layouts of lists, without a picture in the folder."""
    if found.parquet:
        yield "captions", f"{found.parquet[0]} has no column of pictures"
    if paths := found.lists() or found.metadata:
        chosen = choose(fields(found.root, paths[0]), columns, str(found.root / paths[0]))
        if chosen.image is not None and (found.named or "image" in columns or not chosen.captions):
            yield "table", f"it names pictures in {chosen.image}"
        elif chosen.image is not None:
            raise UsageError(
                f"{found.root / paths[0]}: names pictures in {chosen.image!r}, and {found.said}; "
                "allowed: --layout captions for the captions alone, or a folder with the pictures"
            )
        else:
            yield "captions", f"{paths[0]} names no picture"
    if plain := next(found.plain(), None):
        yield "captions", f"{plain} is text"


def _stem(path: str) -> str:
    return PurePosixPath(path).stem


def _part(path: str) -> bool:
    """Whether a file is a part of pairs beside `pairs.parquet`."""
    return re.fullmatch(r"(fields|pictures-[0-9]+)\.pq", PurePosixPath(path).name) is not None

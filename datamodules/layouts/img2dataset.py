"""What img2dataset leaves: shards, folders or Parquet, and beside each a Parquet file that says what was downloaded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from datamodules.layouts.arrow import Table
from datamodules.layouts.beside import Kohya
from datamodules.layouts.items import Entry, Tally
from datamodules.layouts.on_disk import PICTURES, Files, Keys
from datamodules.layouts.rows import Rows
from datamodules.layouts.webdataset import WebDataset
from records.errors import UsageError

#: Columns that each of its Parquet files has.
COLUMNS = ("key", "status")
_SUCCESS = "success"


class Img2Dataset:
    """The output of img2dataset in its formats `webdataset`, `files` and `parquet`.

    An id is the key. Rows whose status is not `success` are no items: they are counted by status. So are keys that were
    downloaded and lie in no shard, and shards whose `_stats.json` is missing, which img2dataset did not finish.

    Args:
        root: The folder.
        tables: Its Parquet files, in order.
        files: Below the root.
        columns: `image` and `caption`, as of the format.

    Raises:
        UsageError: A file is no table of it, or there is nothing beside it.
    """

    name: ClassVar[str] = "img2dataset"

    def __init__(self, root: Path, tables: Sequence[str], files: Files, columns: Mapping[str, str]) -> None:
        self.root, self.tables, self.files = root, list(tables), files
        shards = list(files.paths(".tar"))
        self.inner: WebDataset | Kohya | Rows
        if shards:
            self.inner, kind = WebDataset(root, shards, columns), "webdataset"
        elif files.beside(PICTURES, [".json"]) or files.count().keys() & set(PICTURES):
            self.inner, kind = Kohya(files, columns), "files"
        else:
            usual = {"id": "key", **({"caption": "caption"} if "caption" in Table(root, self.tables[0]).names else {})}
            self.inner, kind = Rows(root, self.tables, {**usual, **columns}), "parquet"
            self.inner.merges = False  # a key is of one picture
            if not self.inner.has_pictures:
                raise UsageError(
                    f"{root}: found {len(self.tables)} tables of img2dataset and no pictures; allowed: its output in "
                    "the format webdataset, files or parquet, or --layout captions"
                )
        self.has_pictures, self.has_captions, self.repeats = True, self.inner.has_captions, True
        self.told = f"format {kind}: {self.inner.told}"

    def entries(self, tally: Tally) -> Iterator[Entry]:
        """Yield what was downloaded."""
        listed, failed = Keys(), Keys()
        for table in self.tables:
            self._statuses(table, listed, failed, tally)
        finished = [path for path in self.files.paths(".json") if path.endswith("_stats.json")]
        unfinished = {re.sub(r"\.[^.]+$", "", t) for t in self.tables} - {p[: -len("_stats.json")] for p in finished}
        if finished:  # it can be told to write none
            for shard in sorted(unfinished):
                tally.add("unfinished shard", f"{shard}: {shard}_stats.json is not there")
        for entry in self.inner.entries(tally):
            key = _key(entry, self.inner)
            if isinstance(self.inner, Rows) and key in failed:
                continue  # a row that says why it failed: counted by its status
            listed.meet(key)
            yield replace(entry, id=key)
        for key in listed.unmet():
            tally.add("listed, in no shard", key)

    def _statuses(self, path: str, listed: Keys, failed: Keys, tally: Tally) -> None:
        try:
            table = Table(self.root, path)
        except UsageError as error:
            tally.add("unreadable file", str(error))
            return
        if gone := [name for name in COLUMNS if name not in table.names]:
            tally.add("unreadable file", f"{path}: found no column {gone[0]!r}; allowed: a table of img2dataset")
            return
        more = ["error_message"] if "error_message" in table.names else []
        for _, cells, _ in table.batches([*COLUMNS, *more], None, tally):
            for i, (key, status) in enumerate(zip(cells["key"], cells["status"], strict=True)):
                if status == _SUCCESS:
                    listed.add(str(key))
                else:
                    why = f" ({cells[more[0]][i]})" if more and cells[more[0]][i] else ""
                    tally.add(f"status {status}", f"{key}{why}")
                    failed.add(str(key))

    def read(self, place: str) -> bytes:
        """Return the bytes of a picture."""
        return self.inner.read(place)


def of_img2dataset(names: Sequence[str]) -> bool:
    """Whether a table has the columns that img2dataset writes."""
    return all(name in names for name in COLUMNS)


def _key(entry: Entry, inner: Any) -> str:
    """Return the key of an entry: the name of its files, without what tells shards apart."""
    if isinstance(inner, Rows):
        return entry.id
    name = entry.id.rpartition("/")[2]
    return name if isinstance(inner, WebDataset) else os.path.splitext(name)[0]

"""Tables with a column of pictures: Parquet as a hub has it, what `save_to_disk` leaves, this project's pairs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from datamodules.ids import below, identifier
from datamodules.layouts.arrow import Cells, Table
from datamodules.layouts.beside import file_at
from datamodules.layouts.columns import SHARED, Chosen, choose
from datamodules.layouts.items import Entry, Tally
from datamodules.layouts.on_disk import Grouped
from datamodules.pictures import BrokenImage
from datamodules.places import located
from datamodules.reading import cleaned, json_of, read_text, several, shown, texts_of
from records.errors import UsageError


class Rows:
    """Rows of Parquet or Arrow files, one item a row.

    An id is that of a column, or file and row. Rows that share an `image_id`, or an id that was told, are one item with
    the captions of all and the first's picture; of rows that share another id the first stays.

    Args:
        root: Folder of the files.
        paths: Of them below it, in order.
        columns: `image`, `caption`, `id`.

    Raises:
        UsageError: A file is no table, or has not the columns of the first one.
    """

    name: ClassVar[str] = "parquet"

    def __init__(self, root: Path, paths: Sequence[str], columns: Mapping[str, str]) -> None:
        self.root, self.paths = root, list(paths)
        first = Table(root, self.paths[0])
        self.chosen = self._choose(first, columns)
        self.has_pictures, self.has_captions = self.chosen.image is not None, bool(self.chosen.captions)
        self.repeats = self.chosen.id is not None
        #: Whether pictures are files that the rows name.
        self.named = self.chosen.image is not None and not first.holds_bytes(self.chosen.image)
        if not (self.has_pictures or self.has_captions):
            raise UsageError(
                f"{first.file}: found columns {several(first.names)}, none of pictures or captions; allowed: "
                "--column image=NAME --column caption=NAME"
            )
        #: Whether rows of one id are one item.
        self.merges = self.repeats and ("id" in columns or str(self.chosen.id).casefold() == SHARED)
        self.told = f"{self.chosen.said}, by row"
        self._cells: Cells | None = None

    def _choose(self, first: Table, columns: Mapping[str, str]) -> Chosen:
        chosen = choose(first.names, columns, str(first.file), first.holds_pictures)
        if "image" in columns:
            return chosen
        held = [name for name in first.names if first.holds_bytes(name)]
        if not held or chosen.image in held:
            return chosen
        return Chosen(held[0], chosen.captions, chosen.id)  # bytes are pictures, whatever else is named like one

    def entries(self, tally: Tally) -> Iterator[Entry]:
        """Yield the rows of every file; those of one picture as one, in the order in which they are met."""
        if not self.merges:
            for path in self.paths:
                yield from self.rows(path, tally)
            return
        grouped = Grouped()
        for entry in (entry for path in self.paths for entry in self.rows(path, tally)):
            texts = [text for raw in entry.texts if (text := cleaned(raw))]
            if not grouped.add(entry.id, texts, f"{'!' * entry.said}\0{entry.place or ''}"):
                tally.add("duplicate id", entry.id)
        for name, label, said in grouped:
            counted, _, place = label.partition("\0")
            yield Entry(name, said, place or None, None, bool(counted))

    def rows(self, path: str, tally: Tally, more: Sequence[str] = ()) -> Iterator[Entry]:
        """Yield the rows of one file; subclasses use `more` columns in `entry`."""
        try:
            table = Table(self.root, path)
        except UsageError as error:
            tally.add("unreadable file", str(error))
            return
        image, one = self.chosen.image, self.chosen.id
        wanted = [*self.chosen.captions, *([one] if one else []), *([image] if image and self.named else []), *more]
        gone = [name for name in [*wanted, *([image] if image else [])] if name not in table.names]
        if gone:
            raise UsageError(f"{table.file}: found no column {shown(gone[0])}; allowed: those of {self.paths[0]}")
        looked = None if self.named or more or not self.has_pictures else image
        for numbers, cells, empty in table.batches(list(dict.fromkeys(wanted)), looked, tally):
            for i, row in enumerate(numbers):
                place = f"{path}#{row:09d}"
                label = place if one is None else _id(cells[one][i], place, tally)
                yield from self.entry(label, place, {name: cells[name][i] for name in wanted}, row in empty, tally)

    def entry(self, one: str, place: str, cells: Mapping[str, Any], empty: bool, tally: Tally) -> Iterator[Entry]:
        """Yield the item of a row, if it is one."""
        texts, said = captions_of(one, cells, self.chosen.captions, tally)
        where: str | None = None if empty or self.chosen.image is None else place
        if self.named:
            where = self._named(cells[self.chosen.image or ""], place, tally)
        yield Entry(one, texts, where, None, said)

    def _named(self, path: Any, place: str, tally: Tally) -> str | None:
        """Return where the picture lies that a row names, None where there is none."""
        try:
            found = placed(self.root, path, _folder(place.rpartition("#")[0]))
        except ValueError:
            if path not in (None, ""):
                tally.add("picture elsewhere", f"{place}: {shown(path, 100)}")
            return None
        return found if os.path.isfile(located(self.root, found)) else None

    def read(self, place: str) -> bytes:
        """Return the bytes in a row, or those of the file that it names."""
        assert self.chosen.image is not None
        return file_at(self.root, place) if self.named else self.cell(place, self.chosen.image)

    def cell(self, place: str, column: str) -> bytes:
        """Return what a column of pictures holds at a place."""
        path, _, row = place.rpartition("#")
        if self._cells is None or self._cells.table.path != path:
            self._cells = Cells(Table(self.root, path), column)
        content, named = self._cells.cell(int(row))
        if content is not None:
            return content
        try:
            found = placed(self.root, named, _folder(path))
        except ValueError as error:
            raise BrokenImage("missing_file", str(error)) from error
        return file_at(self.root, found)


class SaveToDisk(Rows):
    """What `datasets.Dataset.save_to_disk` and `DatasetDict.save_to_disk` leave: Arrow files and what names them.

    See `Rows` for the arguments; `split` of the columns is one of the splits, without it all are read.
    """

    name: ClassVar[str] = "save_to_disk"

    def __init__(self, root: Path, columns: Mapping[str, str]) -> None:
        splits = [""]
        if (root / "dataset_dict.json").is_file():
            splits = _json(root / "dataset_dict.json").get("splits", [])
            if not isinstance(splits, list) or not all(isinstance(split, str) for split in splits):
                raise UsageError(
                    f"{root / 'dataset_dict.json'}: splits: found {shown(splits)}; allowed: a list of names"
                )
            if "split" in columns:
                if columns["split"] not in splits:
                    raise UsageError(
                        f"{root}: --column split: found {shown(columns['split'])}; allowed: {several(splits)}"
                    )
                splits = [columns["split"]]
        paths = [path for split in splits for path in _arrow_files(root, split)]
        if not paths:
            raise UsageError(f"{root}: found no .arrow file; allowed: what `save_to_disk` wrote, whole")
        super().__init__(root, paths, columns)
        self.told += f", splits {several(splits)}" if splits != [""] else ""


def _arrow_files(root: Path, split: str) -> list[str]:
    """Return the files of one split, in the order in which its state names them."""
    folder = root / split
    state = _json(folder / "state.json") if (folder / "state.json").is_file() else {}
    if state.get("_indices_data_files"):
        raise UsageError(
            f"{folder}: found rows chosen by an index, as `datasets` before 2.0 saved them; allowed: saved anew"
        )
    files = state.get("_data_files")
    try:
        names = [row["filename"] for row in files] if files else sorted(path.name for path in folder.glob("*.arrow"))
        return [below(name, f"{folder}: state.json", split) for name in names]
    except (TypeError, KeyError, ValueError) as error:
        raise UsageError(
            f"{folder / 'state.json'}: _data_files: found {shown(files)}; allowed: names of files"
        ) from error


class OwnPairs(Rows):
    """Pairs of this project (`datamodules.pairs.Pairs`), in a folder of a store or exported to one file.

    See `Rows` for the arguments. Pictures that a pool shares with others lie in files beside it.
    """

    name: ClassVar[str] = "pairs"

    def __init__(self, root: Path, paths: Sequence[str], columns: Mapping[str, str]) -> None:
        found = own(Table(root, paths[0]))
        if found is None or not found.get("shape"):
            what = "another's table" if found is None else "pairs of the analytic testbed, which are numbers"
            raise UsageError(f"{root / paths[0]}: found {what}; allowed: pairs of this project with pictures")
        self.held = found
        super().__init__(root, paths, columns)
        self.has_pictures = "held" not in self.held or bool(self.held["held"])
        self.repeats = self.merges = False
        self.told = f"pairs of this project, {self.chosen.said}"
        if not self.has_pictures:
            self.told += "; its pictures are the data set's own and were not kept with it"

    def _choose(self, first: Table, columns: Mapping[str, str]) -> Chosen:
        told = {"image": "image", "caption": "caption", **columns}
        chosen = choose(first.names, told, str(first.file), first.holds_pictures)
        return chosen if "id" in columns else Chosen(chosen.image, chosen.captions, None)

    def entries(self, tally: Tally) -> Iterator[Entry]:
        """Yield the pairs."""
        apart = ["picture_file", "picture_row"] if self.held.get("held") else []
        for path in self.paths:
            yield from self.rows(path, tally, apart)

    def entry(self, one: str, place: str, cells: Mapping[str, Any], empty: bool, tally: Tally) -> Iterator[Entry]:
        """Yield a pair, with the place of its picture in this file or another."""
        texts, said = captions_of(one, cells, self.chosen.captions, tally)
        if not self.has_pictures:
            yield Entry(one, texts, None, None, said)
        elif "picture_file" in cells:
            folder = _folder(place)
            there = f"{folder}/" if folder else ""
            other = f"{there}pictures-{cells['picture_file']}.pq#{cells['picture_row']:09d}"
            yield Entry(one, texts, other, None, said)
        else:
            yield Entry(one, texts, None if empty else place, None, said)


def own(table: Table) -> dict[str, Any] | None:
    """Return what this project says of a file of pairs, or None where another wrote it."""
    metadata = table.schema.metadata or {}
    said = metadata.get(b"mmcollapse") or metadata.get(b"collapse_bench")
    found: dict[str, Any] | None = None if said is None else json.loads(said)
    return found


def captions_of(
    one: str, cells: Mapping[str, Any], columns: Sequence[str], tally: Tally
) -> tuple[tuple[str, ...], bool]:
    """Return the captions in some cells of a row, and whether one that cannot be read was counted."""
    texts: tuple[str, ...] = ()
    for column in columns:
        value = cells.get(column)
        if isinstance(value, bytes):
            tally.add("caption not UTF-8", f"{one}: {column}: {shown(value)}")
            return texts, True
        try:
            texts += texts_of(value, column)
        except ValueError as error:
            tally.add("unreadable caption", f"{one}: {error}")
            return texts, True
    return texts, False


def placed(root: Path, path: Any, within: str) -> str:
    """Return the path of a listed picture below the root, from its list's folder or from the root itself.

    Raises:
        ValueError: It is no path, or leads elsewhere.
    """
    if isinstance(path, str) and os.path.isabs(path):
        for base in (str(root), os.path.realpath(root)):
            if path.startswith(f"{base.rstrip('/')}/"):
                return below(os.path.relpath(path, base), "path")
    found = below(path, "path", within)
    if within and not os.path.exists(root / found):
        other = below(path, "path")
        return other if os.path.exists(root / other) else found
    return found


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _id(value: Any, place: str, tally: Tally) -> str:
    """Return an id of a column; where it is none, the place, which is counted."""
    try:
        return identifier(value, place)
    except ValueError as error:
        tally.add("no id", str(error))
        return place


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json_of(read_text(file), str(file), "a JSON object")
    except ValueError as error:
        raise UsageError(str(error)) from error
    if not isinstance(found, dict):
        raise UsageError(f"{file}: found {shown(found)}; allowed: a JSON object, as `save_to_disk` writes it")
    return found

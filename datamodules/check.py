"""Look at every picture of a data set once: `python -m datamodules.check TESTBED.yaml [--decode] [--write]`.

Reads headers, with `--decode` all pixels, and prints how many entries have which defect and what becomes of them. With
`--write` the entries that cannot be used are named in `excluded.jsonl` beside the data (or in the file that the data
set names as `excluded`), and left out from then on; what is left out is part of the identity of the data, so no result
is ever read from other items than it says.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from datamodules import pictures
from datamodules.entries import DROPPED, ListedItem
from datamodules.excluded import EXCLUDED, require_writable, text_of, unwritable
from datamodules.listed import Listed
from datamodules.reading import few
from records.errors import UsageError
from records.files import write_text
from records.inherit import inherit
from records.place import ROOT
from records.yaml_text import read_yaml

DUPLICATE = {"duplicate_image": "the same file, or the same bytes, as an entry whose id sorts first"}
LEFT_OUT = {**pictures.UNUSABLE, **DUPLICATE}
#: Entries between two lines of progress.
_EVERY = 10_000


def inspect(data: Listed, decode: bool = False, progress: bool = False) -> dict[str, list[str]]:
    """Return defect -> sorted ids for every listed picture, those named in an earlier `excluded.jsonl` too.

    `decode` looks at pixels and compares bytes, not only headers; `progress` says on stderr how far it is.
    """
    found: dict[str, list[str]] = {}
    first: dict[object, str] = {}
    entries = sorted(data.unchecked, key=lambda e: e.image)
    for number, entry in enumerate(entries, 1):
        defects, content = _look(data, entry, decode)
        if content is not None:
            one, other = sorted((entry.id, first.get(content, entry.id)))
            first[content] = one
            if one != other:
                found.setdefault("duplicate_image", []).append(other)
        for defect in defects:
            found.setdefault(defect, []).append(entry.id)
        if progress and number % _EVERY == 0:
            print(f"{number} of {len(entries)}", file=sys.stderr)
    return {defect: sorted(ids) for defect, ids in found.items()}


def _look(data: Listed, entry: ListedItem, decode: bool) -> tuple[list[str], object]:
    """Return the defects of one picture, and where it can be used, what tells it from others."""
    try:
        with data.opened(entry) as file:
            with pictures.header(file, data.max_pixels) as picture:
                defects = pictures.traits(picture)
                defects += ["enlarged"] if min(picture.size) < data.resolution else []
                if decode:
                    pictures.upright(picture)
            return defects, _content(file) if decode else _place(file)
    except pictures.BrokenImage as error:
        return [error.defect], None


def _content(file: IO[bytes]) -> bytes:
    try:
        file.seek(0)
        return hashlib.sha256(file.read()).digest()
    except OSError as error:
        raise pictures.broken(error) from error


def _place(file: IO[bytes]) -> tuple[int, int] | None:
    """Return what two names of one file have in common; None for bytes in memory."""
    try:
        status = os.fstat(file.fileno())
    except OSError:
        return None
    return status.st_dev, status.st_ino


def write_excluded(data: Listed, found: dict[str, list[str]]) -> Path:
    """Write the entries that cannot be used, sorted by id, one a line; an empty file says that all can."""
    return write_text(data.excluded_file, text_of(reasons_of(found)))


def _kept(data: Listed, found: dict[str, list[str]]) -> dict[str, str]:
    """Return what an earlier check has left out that is seen only where pictures are decoded: id -> defect."""
    there, told = {entry.id for entry in data.unchecked}, reasons_of(found)
    return {
        one: defect
        for one, defect in data.excluded().items()
        if defect in ("broken_image", "duplicate_image") and one in there and one not in told
    }


def reasons_of(found: dict[str, list[str]]) -> dict[str, str]:
    """Return id -> defect of the entries that cannot be used."""
    return {i: defect for defect in LEFT_OUT for i in found.get(defect, ())}


def open_data(testbed: Path) -> Listed:
    """Make the data set of a testbed file, whatever sizes it declares; one of another kind is a ValueError.

    What the testbed extends is read with it.
    """
    try:
        spec: Any = inherit(testbed, read_yaml, ROOT / "suites").data.get("data")
    except UsageError as error:
        raise ValueError(str(error)) from error
    if not isinstance(spec, dict) or not isinstance(spec.get("class_path"), str):
        raise ValueError(f"{testbed}: data: found no class_path; allowed: a testbed file with data: class_path")
    arguments = spec.get("init_args") or {}
    try:
        module, _, name = spec["class_path"].rpartition(".")
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{testbed}: data: {error}; allowed: a testbed file with data: class_path") from error
    if not (isinstance(cls, type) and issubclass(cls, Listed)):
        raise ValueError(f"{testbed}: data: found {spec['class_path']}, which is not read from files: nothing to check")
    try:
        data: Listed = cls(**{**arguments, "sizes": {}, "digest": None})
        gone = data.missing()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{testbed}: data: {error}") from error
    if gone:
        raise ValueError(f"{testbed}: data: {gone}")
    return data


def table(rows: list[tuple[str, str, list[str]]]) -> str:
    """Return lines of defect, count, what becomes of it, and the first three ids."""
    lines = [f"{'defect':18} {'entries':>8}  outcome"]
    for name, outcome, ids in rows:
        lines.append(f"{name:18} {len(ids):8}  {outcome}" + (f": {few(ids)}" if ids else ""))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the data of a testbed; 0 = nothing that cannot be used is left in, 1 = something is, 2 = bad input."""
    parser = argparse.ArgumentParser(prog="python -m datamodules.check", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("testbed", type=Path, help="a testbed's YAML file")
    parser.add_argument("--decode", action="store_true", help="decode every pixel and compare the bytes of all images")
    parser.add_argument("--write", action="store_true", help=f"write {EXCLUDED} beside the data, or where they name it")
    options = parser.parse_args(arguments)
    try:
        data = open_data(options.testbed)
        if options.write:
            require_writable(data.excluded_file)  # told before the pictures are looked at, which may take hours
        return _check(data, options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _check(data: Listed, options: argparse.Namespace) -> int:
    found = inspect(data, options.decode, progress=True)
    dropped = {name: ids for name, ids in data.report().items() if name != "excluded"}
    rows = [(name, f"dropped, {DROPPED[name]}", dropped.get(name, [])) for name in DROPPED if name != "excluded"]
    becomes = "left out" if options.write else "an error when it is read"
    rows += [(name, f"{becomes}, {what}", found.get(name, [])) for name, what in pictures.UNUSABLE.items()]
    becomes = "left out" if options.write else "used under each id"
    rows += [(name, f"{becomes}, {what}", found.get(name, [])) for name, what in DUPLICATE.items()]
    rows += [(name, how, found.get(name, [])) for name, how in {**pictures.CONVERTED, **pictures.SCALED}.items()]
    print(table(rows))
    for remark in data.remarks():
        print(f"note: {remark}", file=sys.stderr)
    if options.write:
        kept = {} if options.decode else _kept(data, found)
        if kept:
            said = f"{len(kept)} that were found with --decode stay left out ({few(sorted(kept))})"
            print(f"note: {data.excluded_file}: {said}", file=sys.stderr)
        for one, defect in kept.items():
            found.setdefault(defect, []).append(one)
        try:
            print(f"wrote {write_excluded(data, found)}")
        except OSError as error:  # what was found is not lost
            print(text_of(reasons_of(found)), end="")
            raise ValueError(unwritable(data.excluded_file, error) + "; its lines stand above") from error
        data = open_data(options.testbed)
    print(f"{len(data.listing)} images can be drawn; digest {data.found_digest}")
    return 1 if reasons_of(found).keys() - data.excluded().keys() else 0


if __name__ == "__main__":
    sys.exit(main())

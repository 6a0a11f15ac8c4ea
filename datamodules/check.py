"""Look at every picture of a data set once: `python -m datamodules.check TESTBED.yaml [--decode] [--write]`.

Reads headers, with `--decode` all pixels, and prints how many entries have which defect and what becomes of them. With
`--write` the entries that cannot be used are named in `excluded.jsonl` beside the data, and left out from then on;
what is left out is part of the identity of the data, so no result is ever read from other items than it says.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datamodules import pictures
from datamodules.listed import DROPPED, EXCLUDED, Listed, ListedItem
from records.errors import UsageError
from records.yaml_text import read_yaml

DUPLICATE = {"duplicate_image": "the same bytes as an entry whose id sorts first"}
LEFT_OUT = {**pictures.UNUSABLE, **DUPLICATE}
#: Entries between two lines of progress.
_EVERY = 10_000


def inspect(data: Listed, decode: bool = False, progress: bool = False) -> dict[str, list[str]]:
    """Return defect -> sorted ids for every listed picture, those named in an earlier `excluded.jsonl` too.

    `decode` looks at pixels and compares bytes, not only headers; `progress` says on stderr how far it is.
    """
    found: dict[str, list[str]] = {}
    first: dict[bytes, str] = {}
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


def _look(data: Listed, entry: ListedItem, decode: bool) -> tuple[list[str], bytes | None]:
    """Return the defects of one picture, and where it was decoded and is whole, the digest of its bytes."""
    try:
        with data.opened(entry) as file:
            with pictures.header(file, data.max_pixels) as picture:
                defects = pictures.traits(picture)
                if decode:
                    pictures.upright(picture)
            file.seek(0)
            return defects, hashlib.sha256(file.read()).digest() if decode else None
    except pictures.BrokenImage as error:
        return [error.defect], None


def write_excluded(data: Listed, found: dict[str, list[str]]) -> Path:
    """Write the entries that cannot be used beside the data, sorted by id, one a line; an empty file says all can."""
    reasons = {i: defect for defect in LEFT_OUT for i in found.get(defect, ())}
    file = data.root / EXCLUDED
    aside = file.with_suffix(".tmp")
    rows = [json.dumps({"id": i, "reason": reasons[i]}, ensure_ascii=False) + "\n" for i in sorted(reasons)]
    aside.write_text("".join(rows), encoding="utf-8")
    os.replace(aside, file)
    return file


def open_data(testbed: Path) -> Listed:
    """Make the data set of a testbed file, whatever sizes it declares; one of another kind is a ValueError."""
    try:
        spec: dict[str, Any] = read_yaml(testbed)["data"]
        module, _, name = spec["class_path"].rpartition(".")
        cls = getattr(importlib.import_module(module), name)
    except (UsageError, KeyError, TypeError, ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{testbed}: data: {error}; allowed: a testbed file with data: class_path") from error
    if not issubclass(cls, Listed):
        raise ValueError(f"{testbed}: data: found {spec['class_path']}, which is not read from files: nothing to check")
    try:
        data: Listed = cls(**{**spec.get("init_args", {}), "sizes": {}, "digest": None})
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
        lines.append(f"{name:18} {len(ids):8}  {outcome}" + (f": {', '.join(ids[:3])}" if ids else ""))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the data of a testbed; 0 = nothing that cannot be used is left in, 1 = something is, 2 = bad input."""
    parser = argparse.ArgumentParser(prog="python -m datamodules.check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("testbed", type=Path, help="a testbed's YAML file")
    parser.add_argument("--decode", action="store_true", help="decode every pixel and compare the bytes of all images")
    parser.add_argument("--write", action="store_true", help=f"write {EXCLUDED} beside the data")
    options = parser.parse_args(arguments)
    try:
        data = open_data(options.testbed)
        found = inspect(data, options.decode, progress=True)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    dropped = {name: ids for name, ids in data.report().items() if name != "excluded"}
    rows = [(name, f"dropped, {DROPPED[name]}", dropped.get(name, [])) for name in DROPPED if name != "excluded"]
    becomes = "left out" if options.write else "an error when it is read"
    rows += [(name, f"{becomes}, {LEFT_OUT[name]}", found.get(name, [])) for name in LEFT_OUT]
    rows += [(name, how, found.get(name, [])) for name, how in pictures.CONVERTED.items()]
    print(table(rows))
    unusable = {i for name in LEFT_OUT for i in found.get(name, ())}
    if options.write:
        print(f"wrote {write_excluded(data, found)}")
        data = open_data(options.testbed)
    print(f"{len(data.listing)} images can be drawn; digest {data.found_digest}")
    return 1 if unusable - set(data.excluded()) else 0


if __name__ == "__main__":
    sys.exit(main())

"""The list of what a check left out: `excluded.jsonl`, one entry a line, `{"id": ..., "reason": ...}`.

It lies beside the data, or where the data set is told that it lies.
"""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

from datamodules.ids import identifier
from datamodules.reading import json_of, lines, shown
from records.files import write_text

#: Its name beside the data.
EXCLUDED = "excluded.jsonl"
_ROW = '{"id": ..., "reason": ...}'


def read_excluded(file: Path) -> dict[str, str]:
    """Return id -> defect; nothing where there is no such file, and a ValueError for one that none writes."""
    found: dict[str, str] = {}
    for where, line in lines(file) if os.path.lexists(file) else ():
        row = json_of(line, where, _ROW)
        if not isinstance(row, dict) or not isinstance(row.get("reason"), str) or "id" not in row:
            raise ValueError(f"{where}: found {shown(row)}; allowed: {_ROW}")
        found[_id(row["id"], where)] = row["reason"]
    return found


def _id(value: object, where: str) -> str:
    """Return an id as entries have it; one that was written by a check may be any text."""
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else identifier(value, f"{where}: id")


def text_of(reasons: dict[str, str]) -> str:
    """Return the text of the file, sorted by id: ASCII, so that any id can be written, and read again."""
    return "".join(json.dumps({"id": one, "reason": reasons[one]}) + "\n" for one in sorted(reasons))


def require_writable(file: Path) -> None:
    """Refuse a place where the file cannot be written, by writing another one beside it.

    Raises:
        ValueError: Naming it, and what to do.
    """
    beside = file.with_name(f".{file.name}.try")
    try:
        if file.is_dir():
            raise IsADirectoryError(21, "Is a directory")
        write_text(beside, "")
        beside.unlink()
    except OSError as error:
        raise ValueError(unwritable(file, error)) from error


def unwritable(file: Path, error: OSError) -> str:
    """Say that the file cannot be written, and the way out."""
    return (
        f"{file}: cannot be written ({error.strerror or error}); allowed: a folder that can, or another file as "
        "`excluded:` under the testbed's data: init_args"
    )

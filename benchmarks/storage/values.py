"""How a value is written as files and read back, and how files are told from what was written."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from records.sources import import_class

#: By which a file system knows a file.
Numbers = tuple[int, int, int, int]


def save(value: Any, folder: Path) -> str:
    """Write a value below ``folder`` and return how to read it back."""
    folder.mkdir()
    if isinstance(value, dict) and value and all(isinstance(v, np.ndarray) for v in value.values()):
        for name, array in value.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        return "arrays"
    if isinstance(value, dict):
        (folder / "value.json").write_text(json.dumps(value, sort_keys=True, allow_nan=False))
        return "json"
    value.save(folder)
    return f"{type(value).__module__}.{type(value).__qualname__}"


def load(kind: str, folder: Path, check: Callable[[str], object] | None = None) -> Any:
    """Return the value that `save` wrote; files that it reads later are checked by name before (`deferred`)."""
    if kind == "arrays":
        return {p.stem: np.load(p, allow_pickle=False) for p in sorted(folder.glob("*.npy"))}
    if kind == "json":
        return json.loads((folder / "value.json").read_bytes())
    cls: Any = import_class(kind)
    return cls.load(folder, check) if hasattr(cls, "deferred") else cls.load(folder)


def deferred(kind: str, folder: Path) -> set[str]:
    """Return the names of the files that `load` does not read, but what it returns may, when it is asked."""
    cls: Any = None if kind in ("arrays", "json") else import_class(kind)
    return cls.deferred(folder) if hasattr(cls, "deferred") else set()


def files(folder: Path) -> dict[str, Path]:
    """Return every file below a folder, by its name there."""
    return {f.relative_to(folder).as_posix(): f for f in sorted(folder.rglob("*")) if f.is_file()}


def file_digest(file: Path) -> str:
    """Return the sha256 of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync(folder: Path) -> None:
    """Flush every file below a folder to the disk, so that a manifest never outlives its data in a power cut."""
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def numbers_of(path: Path) -> Numbers:
    """Return what a file is under all of its names, until it is written to."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

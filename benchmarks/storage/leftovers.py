"""What is taken away from a store: in one step, so that nobody is caught half-way, and what killed writers left."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from records.leftovers import abandoned, mark


def take_away(root: Path, folder: Path, unless: Callable[[Path], bool] = lambda aside: False) -> None:
    """Rename a folder below a store's root aside, and remove it there.

    Args:
        root: Of the store.
        folder: What to take away; it may be gone already.
        unless: Says of it, where it lies then, whether somebody else has just put it there: it is put back.
    """
    aside = root / "tmp" / f"left-{mark()}-{uuid.uuid4().hex}"
    with suppress(FileNotFoundError):
        os.rename(folder, aside)
        if unless(aside):
            with suppress(OSError):  # there is another by now, which is the same
                os.rename(aside, folder)
    shutil.rmtree(aside, ignore_errors=True)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, as far as that can be done."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def sweep(root: Path, older_than: float) -> None:
    """Remove what killed writers of this machine left aside, and what has not changed for so many seconds."""
    for leftover in (root / "tmp").iterdir():
        try:
            if abandoned(leftover.name, leftover.stat().st_mtime, older_than):
                remove(leftover)
        except FileNotFoundError:
            continue  # its writer has just renamed it

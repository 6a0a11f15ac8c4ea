"""What is taken away from a store: in one step, so that nobody is caught half-way, and what killed writers left."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from records.leftovers import abandoned, mark


def take_away(root: Path, folder: Path, unless: str = "") -> None:
    """Rename a folder below a store's root aside, and remove it there.

    Args:
        root: Of the store.
        folder: What to take away; it may be gone already.
        unless: A file that somebody else may just have put there: with it, the folder stays.
    """
    aside = root / "tmp" / f"left-{mark()}-{uuid.uuid4().hex}"
    with suppress(FileNotFoundError):
        os.rename(folder, aside)
        if unless and (aside / unless).is_file():
            with suppress(OSError):  # there is another by now, which is the same
                os.rename(aside, folder)
    shutil.rmtree(aside, ignore_errors=True)


def sweep(root: Path, older_than: float) -> None:
    """Remove what killed writers of this machine left aside, and what has not changed for so many seconds."""
    for leftover in (root / "tmp").iterdir():
        try:
            if abandoned(leftover.name, leftover.stat().st_mtime, older_than):
                shutil.rmtree(leftover, ignore_errors=True)
        except FileNotFoundError:
            continue  # its writer has just renamed it

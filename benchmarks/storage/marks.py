"""Small files by which runs tell each other what they are at: beside the artifacts that they share, or in a bucket."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from records.files import write_text

#: Seconds without a change after which a run counts as dead, where runs share a folder.
PERIOD = 30.0
#: Seconds between two looks at what other runs have made there.
LOOK = 0.5


class Marks(Protocol):
    """A place for small files, by names such as `ab/KEY.turn0`; what one run writes the others see whole.

    Attributes:
        period: Seconds without a change after which a run counts as dead; it gives six signs of life in them.
        look: Seconds between two looks at what other runs have made.
    """

    period: float
    look: float

    def read(self, name: str) -> str | None:
        """Return what a file says; None = there is none, "" = it says nothing (yet), or cannot be read now."""

    def make(self, name: str, text: str) -> bool:
        """Make a file of which there is none; False = somebody else has.

        True also where no file can be made: a lease saves work, it guards nothing, and the step will say what is wrong.
        """

    def write(self, name: str, text: str) -> None:
        """Write a file, or write it anew.

        Raises:
            OSError: It cannot be written.
        """

    def remove(self, name: str) -> None:
        """Remove a file; it may be gone already, and where it stays, it is found to be a dead run's."""

    def names(self, folder: str) -> list[str]:
        """Return what the files of a folder are called, in order; those that are being written not among them."""


class FolderMarks:
    """Marks in a folder that runs share.

    A lease lies beside its artifact: making it there has a network file system look anew at that folder, so that what
    another machine has just put there is seen.

    Args:
        root: Folder of the store.
    """

    period, look = PERIOD, LOOK

    def __init__(self, root: Path):
        self.root = root

    def read(self, name: str) -> str | None:
        """Return what a file says; None = there is none."""
        try:
            return (self.root / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return ""

    def make(self, name: str, text: str) -> bool:
        """Make a file of which there is none; False = somebody else has."""
        file = self.root / name
        try:
            file.parent.mkdir(exist_ok=True)
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        except OSError:  # a full disk, say
            return True
        with os.fdopen(handle, "wb", buffering=0) as made, suppress(OSError):  # one that says nothing is timed as well
            made.write(text.encode())
        return True

    def write(self, name: str, text: str) -> None:
        """Write a file whole."""
        write_text(self.root / name, text)

    def remove(self, name: str) -> None:
        """Remove a file that may be gone already."""
        with suppress(OSError):
            (self.root / name).unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        """Return what the files of a folder are called."""
        where = self.root / folder
        return [name for name in sorted(os.listdir(where)) if not name.startswith(".")] if where.is_dir() else []

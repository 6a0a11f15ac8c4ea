"""Temporary files of a run: in one folder, which goes with the run, or with the next one on this machine."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PREFIX = "mmcollapse-run-"
#: What one is called until it is held, and for how many seconds that may be.
FRESH, MOMENT = "mmcollapse-new-", 600.0


class Scratch:
    """A folder below the machine's own for temporary files, held for as long as this process lives."""

    def __init__(self) -> None:
        sweep(Path(tempfile.gettempdir()))
        fresh = Path(tempfile.mkdtemp(prefix=FRESH))
        self._held = _hold(fresh)  # before others take it for what was left
        self.folder = fresh.rename(fresh.with_name(PREFIX + fresh.name.removeprefix(FRESH)))

    def remove(self) -> None:
        """Remove all of it; workers have ended."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._held is not None:
            self._held.close()


@contextmanager
def scratched() -> Iterator[None]:
    """Have what libraries write for a moment lie in a folder that is gone afterwards, or after the next run."""
    scratch, before = Scratch(), tempfile.tempdir
    tempfile.tempdir = str(scratch.folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
        scratch.remove()


def sweep(folder: Path) -> None:
    """Remove what runs that were killed have left in a folder; what is held, or another person's, stays."""
    for left in folder.glob(f"{FRESH}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > MOMENT:
                shutil.rmtree(left, ignore_errors=True)
    for left in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):
            held = _hold(left)
            if held is not None:
                shutil.rmtree(left, ignore_errors=True)
                held.close()


def _hold(folder: Path) -> IO[str] | None:
    """Return a lock on a folder, which whoever is killed lets go of; None where another process has it."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return None
    stream = (folder / "held").open("a")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.close()
        return None
    return stream

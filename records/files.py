"""The one way to write a file: there completely or not at all, also after a power cut; and to ask for one."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from records.leftovers import OLD, abandoned, mark


def write_text(path: Path, text: str) -> Path:
    """Write a text file (UTF-8, newlines as given) aside, flush it to the disk and rename it into place.

    The folder is made if missing. The rename itself may be lost in a power cut: the folder is not synced, as the same
    command writes the file again.

    Raises:
        OSError: Naming the file: the disk is full or the folder cannot be written; the old file is as it was.
    """
    _write(path, text, os.replace)
    return path


def write_new(path: Path, text: str) -> bool:
    """Write a text file as `write_text` does, unless there is one; False = there is, whoever was faster."""
    path.parent.mkdir(parents=True, exist_ok=True)  # here, as a file in the folder's place is none in that of this one
    try:
        _write(path, text, _placed)
    except FileExistsError:
        return False
    return True


def _write(path: Path, text: str, place: Callable[[Path, Path], object]) -> None:
    # Two machines that share the folder may have processes of one number.
    aside = path.with_name(f".{path.name[-100:]}.{mark()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        place(aside, path)
    except OSError as error:
        if error.filename == str(path) or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def _placed(aside: Path, path: Path) -> None:
    try:
        os.link(aside, path)  # which fails where there is one
    except OSError:  # there is, or the file system has no links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.replace(aside, path)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder, made if missing, while files in it are read and written anew; others that want it wait.

    Whoever is killed lets go. Where a file system has no such locks, nothing is held.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def sweep(folder: Path, older_than: float = OLD) -> None:
    """Remove what killed processes left of `write_text` anywhere below a folder."""
    for left in folder.rglob(".*.tmp"):
        with suppress(OSError):
            if abandoned(left.name, left.stat().st_mtime, older_than):
                left.unlink()


def there(path: Path) -> bool:
    """Return whether a file is there; a name that no file can have is of none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or a zero byte within
        return False

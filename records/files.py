"""The one way to write a file: there completely or not at all, also after a power cut; and to ask for one."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path

from records.leftovers import OLD, abandoned, mark


def write_text(path: Path, text: str) -> Path:
    """Write a text file (UTF-8, newlines as given) aside, flush it to the disk and rename it into place.

    The folder is made if missing. The rename itself may be lost in a power cut: the folder is not synced, as the same
    command writes the file again.

    Raises:
        OSError: Naming the file: the disk is full or the folder cannot be written; the old file is as it was.
    """
    # Two machines that share the folder may have processes of one number.
    aside = path.with_name(f".{path.name[-100:]}.{mark()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(aside, path)
    except OSError as error:
        if error.filename == str(path) or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
    return path


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

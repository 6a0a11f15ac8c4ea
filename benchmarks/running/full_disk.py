"""A disk that is full, in the words of every library that writes to it."""

from __future__ import annotations

import errno
import re
import uuid
from contextlib import suppress
from pathlib import Path

from records.errors import StepError
from records.leftovers import mark

#: Of a store that will keep nothing more until somebody has seen to it.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
#: What is said without a number that Python knows: by Rust (safetensors), and by numpy.
_SAID = re.compile(rf"os error ({'|'.join(map(str, FULL))})\b|\b\d+ requested and \d+ written")
#: Bytes that have to fit for a disk to have room: what a full one has left is less.
ROOM = 8 * 2**20


class StoreFull(StepError):
    """The store keeps nothing more: what is computed now would be lost."""


def full_disk(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, says that a disk takes nothing more."""
    while error is not None:
        if (isinstance(error, OSError) and error.errno in FULL) or _SAID.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def has_room(root: Path | None) -> bool:
    """Whether something can be written to a store's folder; one in memory has room."""
    if root is None:
        return True
    file = root / "tmp" / f"room-{mark()}-{uuid.uuid4().hex}"
    try:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"\1" * ROOM)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)
    return True

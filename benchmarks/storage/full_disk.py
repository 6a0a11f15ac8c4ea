"""A disk that is full, in the words of every library that writes to it."""

from __future__ import annotations

import errno
import os
import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from records.errors import StepError
from records.leftovers import mark

T = TypeVar("T")

#: Of a store that will keep nothing more until somebody has seen to it.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
#: What is said without a number that Python knows: by Rust (safetensors), by numpy, and by torch.
_SAID = re.compile(
    rf"os error ({'|'.join(map(str, FULL))})\b|\b\d+ requested and \d+ written"
    r"|inline_container\.cc:\d+\].*(unexpected pos|failed writing)"
)
#: Bytes that have to fit for a disk to have room: what a full one has left is less.
ROOM = 8 * 2**20


class Unkept(StepError):
    """The store does not keep what a step made, which is no fault of that step."""


class StoreFull(Unkept):
    """The store keeps nothing more: what is computed now would be lost."""


def full_disk(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, says that a disk takes nothing more."""
    while error is not None:
        if (isinstance(error, OSError) and error.errno in FULL) or _SAID.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def lies_in(error: BaseException | None, root: Path | None) -> bool:
    """Whether an error, or what it came from, names a file below a store's folder."""
    while error is not None:
        if root is not None and isinstance(error, OSError) and error.filename is not None:
            with suppress(TypeError, ValueError):  # what it names is no path
                if Path(os.fsdecode(error.filename)).is_relative_to(root):
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


def ends_where_full(write: Callable[..., T]) -> Callable[..., T]:
    """Have a method of a store say that its disk is full, where a small file would still fit and a model does not."""

    @wraps(write)
    def tried(store: Any, *given: Any) -> T:
        try:
            return write(store, *given)
        except OSError as error:
            if error.errno not in FULL:
                raise
            said = f"{store.root}: the disk takes nothing more ({error.strerror}); make room, and run again"
            raise StoreFull(said) from error

    return tried

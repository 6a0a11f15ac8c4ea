"""Every process that a command has started, whoever its parent is by now: by a word in its environment."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

NAME = "MMCOLLAPSE_FAULTS"


def marked() -> dict[str, str]:
    """Return an environment by which all that is started with it is found."""
    return {**os.environ, NAME: uuid.uuid4().hex}


def found(environment: dict[str, str]) -> Iterator[int]:
    """Yield the numbers of the processes that run with an environment; of one that has just ended nothing is known."""
    word = f"{NAME}={environment[NAME]}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if word in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)


def gone(environment: dict[str, str], seconds: float = 60.0) -> list[int]:
    """Wait until none of them runs any more; return, and end, those that outlast the time."""
    deadline = time.monotonic() + seconds
    left = list(found(environment))
    while left and time.monotonic() < deadline:
        handle = None
        with suppress(OSError):
            handle = os.pidfd_open(left[0])
        if handle is not None:
            import select

            select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
            os.close(handle)
        left = list(found(environment))
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return left

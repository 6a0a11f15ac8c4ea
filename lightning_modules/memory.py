"""Memory that ran out: what was asked for at once is made in halves, with the same numbers, and noted.

Free of torch until memory has run out.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")

#: What else than torch's own error says that there is no memory: of libraries beneath it, and of the processor's.
SAID = (
    "out of memory",  # of the driver, the runtime and Triton
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "unable to find an engine",  # of cuDNN, where none fits
    "DefaultCPUAllocator",
)
#: Bytes of weights from which on it is worth looking for what nobody holds any more.
LARGE = 64 * 2**20

#: Place -> rows that went through at once in the end, where all that was asked for did not.
_found: dict[str, int] = {}


def in_parts(place: str, rows: int, at_once: int, work: Callable[[slice], T]) -> list[T]:
    """Return what `work` makes of rows, part by part; a part that does not fit is halved and tried again.

    What was found to fit in a place holds there until `forget`, so that memory runs out once, not in every batch.

    Args:
        place: names the kind of work for people, as "captions".
        rows: how many there are; 0 = nothing is made.
        at_once: rows of a part at most.
        work: called with the rows of a part. It must not depend on how often it was tried.

    Raises:
        Exception: as `work` raises it, where a single row does not fit or something else went wrong.
    """
    made: list[T] = []
    start = 0
    while start < rows:
        part = slice(start, min(rows, start + least(place, at_once)))
        tried = _tried(work, part)
        if tried is None:
            note(place, -(-(part.stop - start) // 2))
            release()
            continue
        made.append(tried[0])
        start = part.stop
    return made


def _tried(work: Callable[[slice], T], part: slice) -> tuple[T] | None:
    """Return what was made, or None; what the failed try held is free by then."""
    try:
        return (work(part),)
    except Exception as error:
        if part.stop - part.start == 1 or not is_full(error):
            raise
    return None


def is_full(error: BaseException) -> bool:
    """Whether an error says that the memory of a device, or of this machine, has run out."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if not names.isdisjoint(("OutOfMemoryError", "MemoryError")):
        return True
    return "RuntimeError" in names and any(said in str(error) for said in SAID)


def release() -> None:
    """Give back what nobody holds any more: the next try may need all of it."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def least(place: str, rows: int) -> int:
    """Return how many of so many rows are tried at once in a place, by what was found there."""
    return min(rows, _found.get(place, rows))


def note(place: str, rows: int) -> None:
    """Note that no more than so many rows fit in a place."""
    _found[place] = least(place, max(1, rows))


def found() -> dict[str, int]:
    """Return by place how many rows fit at once, where memory has run out since `forget`."""
    return dict(_found)


def learn(others: Mapping[str, int]) -> None:
    """Note what another process has found."""
    for place, rows in others.items():
        note(place, rows)


def forget() -> None:
    """Begin anew: what one step found says nothing of the next one."""
    _found.clear()

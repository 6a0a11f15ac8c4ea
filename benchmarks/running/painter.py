"""Draws the pictures of cells that are complete, beside whatever else goes on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait

from records.results import CellResult

_Job = tuple[str, CellResult, Future[None]]


class Painter:
    """Draws one cell after another, in a thread of its own where that is wanted.

    The thread holds nobody back: a process that is told to stop does not wait for a picture.

    Args:
        draw: Draws the pictures of a cell.
        beside: Whether in a thread; else at once.
    """

    def __init__(self, draw: Callable[[str, CellResult], None], beside: bool) -> None:
        self._draw, self._waiting = draw, dict[str, Future[None]]()
        self._jobs = queue.SimpleQueue[_Job | None]() if beside else None
        if self._jobs is not None:
            threading.Thread(target=self._work, args=(self._jobs,), name="pictures", daemon=True).start()

    def draw(self, cell: str, result: CellResult) -> None:
        """Draw a cell's pictures, now or soon."""
        job = cell, result, Future[None]()
        self._waiting[cell] = job[2]
        if self._jobs is not None:
            self._jobs.put(job)
        else:
            self._do(*job)

    def drawn(self, all_of_them: bool = False) -> Iterator[tuple[str, BaseException | None]]:
        """Yield each cell that is done with and was not told of yet, and why it has no pictures, if it has none."""
        if all_of_them:
            while wait(self._waiting.values(), timeout=1).not_done:  # a signal is heard between two of them
                continue
        for cell in [cell for cell, future in self._waiting.items() if future.done()]:
            yield cell, self._waiting.pop(cell).exception()

    def stop(self) -> None:
        """Draw nothing more than what is being drawn."""
        if self._jobs is not None:
            for future in self._waiting.values():
                future.cancel()
            self._jobs.put(None)

    def _work(self, jobs: queue.SimpleQueue[_Job | None]) -> None:
        while (job := jobs.get()) is not None:
            if job[2].set_running_or_notify_cancel():
                self._do(*job)

    def _do(self, cell: str, result: CellResult, done: Future[None]) -> None:
        try:
            done.set_result(self._draw(cell, result))
        except Exception as error:
            done.set_exception(error)

"""Draws the pictures of cells that are complete, beside whatever else goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

from records.results import CellResult


class Painter:
    """Draws one cell after another, in a thread of its own where that is wanted.

    Args:
        draw: Draws the pictures of a cell.
        beside: Whether in a thread; else at once.
    """

    def __init__(self, draw: Callable[[str, CellResult], None], beside: bool) -> None:
        self._draw, self._waiting = draw, dict[str, Future[None]]()
        self._pool = ThreadPoolExecutor(1, "pictures") if beside else None

    def draw(self, cell: str, result: CellResult) -> None:
        """Draw a cell's pictures, now or soon."""
        if self._pool is not None:
            self._waiting[cell] = self._pool.submit(self._draw, cell, result)
            return
        done: Future[None] = Future()
        try:
            done.set_result(self._draw(cell, result))
        except Exception as error:
            done.set_exception(error)
        self._waiting[cell] = done

    def drawn(self, all_of_them: bool = False) -> Iterator[tuple[str, BaseException | None]]:
        """Yield each cell that is done with and was not told of yet, and why it has no pictures, if it has none."""
        if all_of_them:
            while wait(self._waiting.values(), timeout=1).not_done:  # a signal is heard between two of them
                continue
        for cell in [cell for cell, future in self._waiting.items() if future.done()]:
            yield cell, self._waiting.pop(cell).exception()

    def stop(self) -> None:
        """Draw nothing more."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

"""Pictures of cells are drawn beside the loop that hands out steps, and what goes wrong with them is told."""

from __future__ import annotations

import threading
from typing import Any

from benchmarks.running.painter import Painter

RESULT: Any = None


def test_nobody_waits_for_a_picture() -> None:
    go, threads = threading.Event(), []

    def draw(cell: str, result: Any) -> None:
        threads.append(threading.current_thread())
        assert go.wait(30)
        if cell == "b":
            raise OSError("no room")

    painter = Painter(draw, beside=True)
    painter.draw("a", RESULT)
    painter.draw("b", RESULT)
    assert list(painter.drawn()) == []
    go.set()
    told = dict(painter.drawn(all_of_them=True))
    assert told["a"] is None
    assert str(told["b"]) == "no room"
    assert threading.current_thread() not in threads
    assert list(painter.drawn(all_of_them=True)) == []
    painter.stop()


def test_a_process_that_runs_the_steps_draws_itself() -> None:
    threads = []
    painter = Painter(lambda cell, result: threads.append(threading.current_thread()), beside=False)
    painter.draw("a", RESULT)
    assert dict(painter.drawn()) == {"a": None}
    assert threads == [threading.current_thread()]
    painter.stop()

"""Pages of every kind, made small for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.planning.planner import make_plan
from benchmarks.reporting.pages.published import entry_page
from leaderboard.committed import entry_board
from leaderboard.entries import read_entries


def board_of_entries(folder: Path) -> Path:
    file = folder / "board.html"
    file.write_text(entry_page(make_plan("board"), entry_board(read_entries("board")), None), encoding="utf-8")
    return file


#: Kind of page -> writes one below a folder.
PAGES: dict[str, Callable[[Path], Path]] = {"board": board_of_entries}

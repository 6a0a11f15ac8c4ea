"""What fits one screen: every command ends with its answer in `LINES` lines of `WIDTH` columns."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from leaderboard.text import counted

#: Most lines and columns of a screen; a terminal that is narrower gets narrower lines, and a few more of them.
LINES, WIDTH = 40, 100
NARROWEST = 60


def columns() -> int:
    """Return how wide a screen is here: `WIDTH`, or as wide as the terminal that it is printed on."""
    try:
        here = os.get_terminal_size(sys.stdout.fileno()).columns
    except (AttributeError, OSError, ValueError):  # no terminal: a file, a pipe, a test
        return WIDTH
    return max(NARROWEST, min(WIDTH, here or WIDTH))


def wrap(text: str, width: int | None = None) -> list[str]:
    """Return the lines of a sentence."""
    return textwrap.wrap(text, width or columns(), break_on_hyphens=False)


def cut(text: str, width: int | None = None) -> str:
    """Return a text that is at most so wide, the rest of it as dots."""
    width = width or columns()
    return text if len(text) <= width else f"{text[: width - 3].rstrip()}..."


def files(folder: Path, written: Sequence[tuple[str, str]]) -> list[str]:
    """Return the lines that say where everything else is.

    Args:
        folder: Where everything was written.
        written: (what it is, which files below the folder).
    """
    width = max((len(what) for what, _ in written), default=0)
    return [f"written to {place(folder)}", *(cut(f"  {what:{max(width, 10)}} {names}") for what, names in written)]


def place(folder: Path) -> str:
    """Return a folder as one types it from here, its beginning left out where there is no room."""
    near = os.path.relpath(folder)
    text = near if not near.startswith("..") else str(folder)
    room = columns() - len("written to ")
    return text if len(text) <= room else f"...{text[3 - room :]}"


def listed(names: Sequence[str], most: int = 9) -> str:
    """Return names as a list in words; those beyond the most are counted."""
    shown = [*names[:most], *([f"{len(names) - most} more"] if len(names) > most else [])]
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def fitted(lines: Sequence[str], room: int, what: str, where: str) -> list[str]:
    """Return at most so many lines, the last one counting those that are left out and saying where they are.

    Args:
        lines: All of them.
        room: How many there is room for.
        what: What one of them is, such as "claim".
        where: Where all are.
    """
    if len(lines) <= room:
        return list(lines)
    shown = max(room - 1, 0)
    return [*lines[:shown], f"... {counted(len(lines) - shown, f'more {what}')} in {where}"]

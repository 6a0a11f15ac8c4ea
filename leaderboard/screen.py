"""The end of a run on one screen: what came out in words, one small table, and where everything else is.

It fits `LINES` lines of `WIDTH` columns whatever a suite holds: sentences and rows that matter less go first, and what
is not shown is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from leaderboard.board import Board, Group
from leaderboard.fitting import LINES, columns, cut, files, wrap
from leaderboard.line import Line
from leaderboard.loops import Loop, Row, loops
from leaderboard.render import brief, warnings
from leaderboard.sentences import headline, sizes
from leaderboard.text import ARROWS, counted, number
from records.names import MODALITIES, SIDES, MetricName

WORDS = 10  # most lines of sentences
NARROWEST = 16  # of the column of names
LABEL = 30  # most characters of a number with its interval, or of what stands in its place
COLUMNS = ("at 0", "at T", "prevented [95 %]")
SCALE = "prevented: 0 = as none, 1 = as real. Intervals are of one row; words hold for all rows (Holm)."


def screen(board: Board, title: str, folder: Path, written: Sequence[tuple[str, str]], more: str = "") -> str:
    """Return the screen, at most `LINES` lines of `WIDTH` columns.

    Args:
        board: What was measured.
        title: Name of the suite.
        folder: Where everything was written.
        written: (what it is, which files below the folder).
        more: One more sentence, such as what became of the suite's claims.
    """
    sentences = [line for text in (*warnings(board), *headline(board), more) if text for line in wrap(text)]
    if len(sentences) > WORDS:
        sentences = [*sentences[: WORDS - 1], "... more in leaderboard.md"]
    paths = files(folder, written)
    scale = wrap(SCALE) if any(x.prevented for group in board.groups for x in group.lines) else []
    head = [cut(_title(board, title)), ""]
    room = LINES - sum(map(len, (head, sentences, scale, paths))) - 2
    table = _table(board, room)
    return "\n".join(line.rstrip() for line in (*head, *sentences, "", *table, *scale, "", *paths)) + "\n"


def _title(board: Board, title: str) -> str:
    """Return the suite with the sizes of the loop that matters most."""
    if not board.rows:
        return f"{title}: the plan has no rows"
    return f"{title}: {sizes(board)}"


def _table(board: Board, room: int) -> list[str]:
    """Return the table in at most so many lines, the last one counting the rows that are left out."""
    groups = [group for loop in loops(board) for group in (*loop.groups, *loop.children)]
    sides = [side for side in (*SIDES, "") if any(group.modality == side for group in groups)]
    if len(sides) > len(MODALITIES):  # no room: what is left of a chain stands in the words
        sides.remove("set" if "set" in sides else "")
    found = [loop for loop in loops(board) if any(group.modality in sides for group in loop.groups)]
    total = sum(len(loop.rows) for loop in found)
    space = room - 2
    whole = total + sum(_sectioned(loop, found) for loop in found) <= space
    chosen = _chosen(found, space if whole else space - 1)
    body: list[tuple[str, str, Row | None]] = []
    for loop, rows in chosen:
        if _sectioned(loop, found):
            body += [(loop.name, loop.name, None), *((f"  {row.name}", f"  {row.short}", row) for row in rows)]
        else:
            body += [(loop.name, loop.variant, row) if len(found) > 1 else (row.name, row.short, row) for row in rows]
    table = _lay_out([_head(groups, side) for side in sides], body, sides)
    hidden = total - sum(len(rows) for _, rows in chosen)
    return [*table, *([f"... {counted(hidden, 'more row')} in leaderboard.md"] if hidden else [])]


def _sectioned(loop: Loop, found: Sequence[Loop]) -> bool:
    """Whether the rows of a loop stand below its name: where there are several, and it is no single row itself."""
    return len(found) > 1 and len(loop.rows) > 1


def _head(groups: Sequence[Group], side: str) -> str:
    """Return the title of a side: its metric, and which way is better."""
    group = next(group for group in groups if group.modality == side)
    return f"{side}: {MetricName.parse(group.metric).metric} {ARROWS[group.direction]}" if group.metric else ""


def _chosen(found: Sequence[Loop], space: int) -> list[tuple[Loop, list[Row]]]:
    """Return the rows that are shown: of every loop its controls first, then the others, loop by loop."""
    chosen: list[tuple[Loop, list[Row]]] = []
    for loop in found:
        first = [row for row in loop.rows if (row.control and not row.child) or row.idle] or list(loop.rows[:1])
        needed = len(first) + _sectioned(loop, found)
        if space < needed:
            break
        chosen.append((loop, first))
        space -= needed
    for loop, rows in chosen:
        rest = [row for row in loop.rows if row not in rows][:space]
        rows += rest
        space -= len(rest)
    return chosen


def _lay_out(heads: Sequence[str], body: Sequence[tuple[str, str, Row | None]], sides: Sequence[str]) -> list[str]:
    """Return the lines of the table: names to the left, per side its columns, as many of the last as there is room."""
    cells = [[_cells(row.lines.get(side)) if row else ("", "", "") for side in sides] for _, _, row in body]
    named = [("at 1", *COLUMNS[1:]) if side == "set" else COLUMNS for side in sides]  # a set is measured from 1 on
    longest = max((len(name) for name, _, row in body if row), default=0)
    for first in range(len(COLUMNS)):  # where a terminal is narrow: what is prevented before what it began with
        shown = [[block[first:] for block in row] for row in (named, *cells)]
        widths = [
            [max(len(row[i][j]) for row in shown) for j in range(len(COLUMNS) - first)] for i in range(len(sides))
        ]
        wanted = [sum(width) + 2 * (len(width) - 1) for width in widths]
        left = columns() - sum(wanted) - 3 * len(wanted)
        if left >= NARROWEST or first == len(COLUMNS) - 1:
            break
    spare = left - min(max(longest, NARROWEST), left)
    blocks = []
    for size, head in zip(wanted, heads, strict=True):
        more = min(max(len(head) - size, 0), spare)  # for the title of a side, as far as there is room
        blocks.append(size + more)
        spare -= more
    names = max(min(longest, columns() - sum(blocks) - 3 * len(blocks)), NARROWEST)

    def line(name: str, parts: Sequence[str]) -> str:
        return cut("   ".join([name.ljust(names), *(p.ljust(b) for p, b in zip(parts, blocks, strict=True))]))

    def block(texts: Sequence[str], width: Sequence[int]) -> str:
        return "  ".join(t.rjust(w) for t, w in zip(texts, width, strict=True))

    lines = [line("", [cut(head, size) for head, size in zip(heads, blocks, strict=True)])]
    lines.append(line("", [block(texts, width) for texts, width in zip(shown[0], widths, strict=True)]))
    for (name, short, row), texts in zip(body, shown[1:], strict=True):
        label = cut(name if longest <= names else short, names)
        lines.append(
            line(label, [block(t, width) for t, width in zip(texts, widths, strict=True)]) if row else cut(name)
        )
    return lines


def _cells(line: Line | None) -> tuple[str, str, str]:
    return ("", "", "") if line is None else (number(line.start), number(line.end), cut(brief(line), LABEL))

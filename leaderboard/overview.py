"""One table a kind of loop: every row with its sides beside each other, its rank, what it costs, whether it learns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from leaderboard import render
from leaderboard.board import Board
from leaderboard.learned import Learned
from leaderboard.loops import NEVER, Loop, Row, loops
from leaderboard.pareto import front
from leaderboard.tables import COSTS
from leaderboard.text import ARROWS, aligned, count, number, share
from leaderboard.text import markdown_escape as escape
from records.names import MetricName

MARK = "*"
NAMES = 24  # most characters of a name on a terminal
FRONT = (
    f"{MARK} on the front: it prevents something, and no other method as much, by the mean, for as few network "
    f"evaluations and real pairs; {NEVER} does not compete."
)
REFERENCE = f"{NEVER}: the base model as it is, from iteration 0; a reference without rank."
TAUGHT = "real_X: real pairs all the way, trained as method X trains; a reference without rank."
UNCHANGED = {
    "own pairs": "own pairs: the method changes data and no fit; the share is what its own pool teaches there, "
    "below 0 where a model ends worse than it began.",
    "not run": "not run: the method changes data and no fit; what its own pool teaches is not known until it is run "
    "there.",
}
BOTH = "both: the mean of collapse prevented over the two sides; the joint loop is ranked by it."


@dataclass(frozen=True)
class Kind:
    """Loops that one table shows: they train the same sides and are judged by the same metrics.

    Attributes:
        title: Which kind of loop it is, such as "joint loop".
        loops: In the order of the board.
        sides: Modalities, the captioner first.
        sorted_by: The column or metric that the board was sorted by; "" = by rank.
    """

    title: str
    loops: tuple[Loop, ...]
    sides: tuple[str, ...]
    sorted_by: str = ""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The headline metric of each side, with its arrow."""
        return tuple(f"{MetricName.parse(g.metric).metric} {ARROWS[g.direction]}" for g in self.loops[0].groups)


def kinds(board: Board) -> list[Kind]:
    """Return the kinds of loops of a board, the joint loop first; loops without any result are of none."""
    parts: dict[tuple[str, tuple[str, ...]], list[Loop]] = {}
    for loop in loops(board):
        if all(group.metric for group in loop.groups):
            parts.setdefault((loop.kind, tuple(group.metric for group in loop.groups)), []).append(loop)
    return [
        Kind(
            title, tuple(found), tuple(group.modality for group in found[0].groups),
            next((group.sorted_by for loop in found for group in loop.groups if group.sorted_by), ""),
        )
        for (title, _), found in parts.items()
    ]  # fmt: skip


def terminal(board: Board, width: int = render.TERMINAL_WIDTH) -> str:
    """Return one table a kind of loop in at most ``width`` columns; details are in files."""
    parts = list(render.warnings(board))
    for kind in kinds(board):
        body = []
        for loop in kind.loops:
            marked = front(loop.rows)
            body += [[loop.name]] if len(kind.loops) > 1 else []
            body += [_plain(kind, row, board, row.name in marked) for row in loop.rows]
        table = aligned(body, _head(kind, board))
        about = [f"{loop.name}, {g.modality}: {render.heading(g)}" for loop in kind.loops for g in loop.groups]
        wrapped = [textwrap.fill(x, width, subsequent_indent="  ", break_on_hyphens=False) for x in about]
        lines = [kind.title, *wrapped, *(render.cut(line, width) for line in table)]
        legend = [textwrap.fill(line, width, subsequent_indent="  ") for line in _legend(kind, board)]
        parts.append("\n".join([*lines, *legend]))
    waiting = [loop.name for loop in loops(board) if not all(group.metric for group in loop.groups)]
    if waiting:
        parts.append(textwrap.fill(f"no results yet: {', '.join(waiting)}", width))
    return render.join(parts)


def markdown(board: Board) -> list[str]:
    """Return the tables for a page, each under its heading."""
    parts = []
    for kind in kinds(board):
        head = _wide_head(kind, board)
        body = []
        for loop in kind.loops:
            marked = front(loop.rows)
            if len(kind.loops) > 1:
                body.append([f"**{escape(loop.name)}**", *[""] * (len(head) - 1)])
            body += [_wide(kind, row, board, row.name in marked) for row in loop.rows]
        table = render.github(body, head, ("left", *["right"] * (len(head) - 1)))
        legend = "\n".join(f"- {escape(line)}" for line in (*_unsound(kind), *_legend(kind, board)))
        parts += [f"## {kind.title.capitalize()}", table, *([legend] if legend else [])]
    return parts


def _head(kind: Kind, board: Board) -> list[str]:
    """Return the columns of a terminal, whose names take two lines where there are two sides."""
    if len(kind.sides) > 1:
        columns = [f"{side}\n{metric}\nprevented [95 %]" for side, metric in zip(kind.sides, kind.metrics, strict=True)]
        columns = ["mitigation", *columns, "both\n\nprevented [95 %]"]
    else:
        columns = ["mitigation", f"at {_first(kind.sides[0])}", "at T", "prevented [95 %]"]
    learned = ["learns"] if _taught(kind, board) else []
    return [*columns, "rank", "net.\nevals", "real\npairs", *learned, *([kind.sorted_by] if kind.sorted_by else [])]


def _first(side: str) -> int:
    """Return the iteration that a side is first measured at: sets, and so chains, from 1 on."""
    return int(side == "set")


def _taught(kind: Kind, board: Board) -> list[str]:
    """Return the sides of which another suite says whether methods learn."""
    return [side for side in kind.sides if side in board.learning]


def _plain(kind: Kind, row: Row, board: Board, marked: bool) -> list[str]:
    name = f"{render.cut(row.name if len(row.name) <= NAMES else row.short, NAMES)}{' ' + MARK if marked else ''}"
    lines = [row.lines.get(side) for side in kind.sides]
    if len(lines) > 1:
        shown = [*map(render.brief, lines), _both(row)]
    else:
        shown = [number(lines[0].start), number(lines[0].end), render.brief(lines[0])] if lines[0] else ["", "", ""]
    costs = [count(getattr(row.cost, name)) if row.cost else "" for name in COSTS[:2]]
    learned = [_brief(learns(row, side, board)) for side in _taught(kind, board)]
    taught = ["/".join(learned) if any(text != "-" for text in learned) else ""] if learned else []
    return [name, *shown, _rank(row.rank), *costs, *taught, *_sorted(kind, row)]


def _wide_head(kind: Kind, board: Board) -> list[str]:
    head = ["mitigation"]
    for side, metric in zip(kind.sides, kind.metrics, strict=True):
        own = f"{side}: " if len(kind.sides) > 1 else ""
        head += [f"{own}{escape(metric)} at {_first(side)}", f"{own}at T", f"{own}prevented [95 %]", f"{own}rank"]
    head += ["both: prevented [95 %]", "both: rank"] if len(kind.sides) > 1 else []
    head += [f"{side} learns [95 %]" for side in _taught(kind, board)]
    return [*head, "front", *render.COST_HEAD, "seeds", *([f"**{escape(kind.sorted_by)}**"] if kind.sorted_by else [])]


def _wide(kind: Kind, row: Row, board: Board, marked: bool) -> list[str]:
    cells = [f"*{escape(row.name)}*" if row.idle else escape(row.name)]
    for side in kind.sides:
        line = row.lines.get(side)
        cells += (
            [number(line.start), number(line.end), escape(render.headline(line)), "" if row.child else _rank(line.rank)]
            if line
            else [""] * 4
        )
    cells += [escape(_both(row)), _rank(row.rank if row.joint else None)] if len(kind.sides) > 1 else []
    cells += [escape(learns(row, side, board)) for side in _taught(kind, board)]
    costs = [count(getattr(row.cost, name)) if row.cost else "" for name in COSTS]
    seeds = next((line.seeds for line in row.lines.values()), "")
    return [*cells, escape(MARK) if marked else "", *costs, seeds, *_sorted(kind, row)]


def _sorted(kind: Kind, row: Row) -> list[str]:
    values = [line.sorted_value for line in row.lines.values() if line.sorted_value is not None]
    return [number(values[0]) if values else ""] if kind.sorted_by else []


def _both(row: Row) -> str:
    found = row.joint.share if row.joint else None
    return share(found.mean, found.low, found.high) if found else ""


def _rank(rank: tuple[int, int] | None) -> str:
    return f"{rank[0]}-{rank[1]}" if rank else ""


def learns(row: Row, side: str, board: Board) -> str:
    """Return the share of what real pairs teach that a row's method learns of one side, "" where it is not known."""
    found = board.learning.get(side)
    if row.idle:
        return "0" if found and not found.reason else ""
    if not found or row.child:
        return ""
    part, basis = found.share(row.mitigation), found.basis(row.mitigation)
    return f"{render.ratio(part)}{', own pairs' if basis == 'own pairs' else ''}" if part else basis


def _brief(text: str) -> str:
    return text if text == "not run" else text.partition(" ")[0] or "-"


def _legend(kind: Kind, board: Board) -> list[str]:
    """Return what a reader must know of the columns of one table, and why some cells are empty."""
    rows = [row for loop in kind.loops for row in loop.rows]
    lines = [BOTH] if any(row.joint for row in rows) else []
    lines += [REFERENCE] if any(row.idle for row in rows) else []
    lines += [TAUGHT] if any(row.reference and not row.idle for row in rows) else []
    lines += [FRONT] if any(front(loop.rows) for loop in kind.loops) else []
    methods = dict.fromkeys(row.mitigation for row in rows if row.judged and not row.child)
    for side in kind.sides:
        if found := board.learning.get(side):
            lines.append(_about_learning(side, found, [m for m in methods if found.absent(m)]))
    bases = {found.basis(m) for found in map(board.learning.get, kind.sides) if found for m in methods}
    return [*lines, *(text for basis, text in UNCHANGED.items() if basis in bases)]


def _unsound(kind: Kind) -> list[str]:
    """Return which loops of a table have numbers that judge no method, with the reason."""
    return [
        f"{loop.name}, {group.modality}: {group.controls.label}; no method is judged by these numbers."
        for loop in kind.loops
        for group in loop.groups
        if group.controls.unsound
    ]


def _about_learning(side: str, found: Learned, absent: Sequence[str]) -> str:
    if found.reason:
        return f"learns ({side}): not known, {found.reason}."
    parts = [f"learns ({side}): share of what real pairs teach in {found.suite} (1 = all, 0 = nothing)"]
    missing = [method for method in absent if not found.left_out(method)]
    parts += [f"no row there for {', '.join(missing)}"] if missing else []
    left_out = [found.left_out(method) for method in absent if method not in missing]
    parts += [f"without a number there: {', '.join(left_out)}"] if left_out else []
    return f"{'; '.join(parts)}."

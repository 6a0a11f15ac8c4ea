"""Generations or versions of one set, in their order: which line is worse from which of them on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring.lines import Line
from benchmarks.measuring.measure import Measured
from benchmarks.measuring.report import NOTE, PARTS, named
from leaderboard.fitting import LINES, cut, files, fitted, listed, wrap
from leaderboard.text import aligned, number
from leaderboard.text import markdown_escape as escape

MOST = 7  # sets that a screen has columns for; of more the first, the last and some between


def onset(sets: Sequence[Measured], part: str, name: str) -> int | None:
    """Return the first set from which on a line is worse in all; None where it is not worse in the last one."""
    found = None
    for i in reversed(range(len(sets))):
        if _line(sets[i], part, name).word != "worse":
            break
        found = i
    return found


def sentences(sets: Sequence[Measured]) -> list[str]:
    """Return the answer in words: what is worse at the end, and since when."""
    names = [Path(one.name).name for one in sets]
    since = {
        named(line): names[start]
        for line in sets[-1].lines if (start := onset(sets, line.part, line.name)) is not None
    }  # fmt: skip
    against = sets[-1].against
    if not sets[-1].told_apart:
        why = next((f": {line.reason}" for line in sets[-1].lines if line.reason), "")
        return [f"Nothing of {names[-1]} could be compared with {against}{why}."]
    if not since:
        return [f"In {names[-1]} nothing is worse beside {against} than chance would have it."]
    return [f"Worse beside {against}: {listed([f'{what} from {first} on' for what, first in since.items()], 6)}."]


def screen(sets: Sequence[Measured], folder: Path, written: Sequence[tuple[str, str]]) -> str:
    """Return the answer on one screen."""
    head = [*wrap(f"{len(sets)} sets, {Path(sets[0].name).name} to {Path(sets[-1].name).name}"), ""]
    head += [line for text in sentences(sets) for line in wrap(text)]
    count = min(MOST, len(sets))
    shown = sorted({round(i * (len(sets) - 1) / max(count - 1, 1)) for i in range(count)})
    columns = ["", "real", *(cut(Path(sets[i].name).name, 12) for i in shown)]
    names, rule, *body = map(cut, aligned(_rows(sets, shown), columns))
    tail = ["", *wrap(f"*: {NOTE}"), "", *files(folder, written)]
    room = LINES - len(head) - len(tail) - 3
    return "\n".join([*head, "", names, rule, *fitted(body, room, "line", "measure.md"), *tail]) + "\n"


def page(sets: Sequence[Measured]) -> str:
    """Return a page in Markdown with a column for every set."""
    names = [escape(Path(one.name).name) for one in sets]
    rows = [[escape(cell.strip()) for cell in row] for row in _rows(sets, range(len(sets))) if len(row) > 1]
    parts = [f"# {names[0]} to {names[-1]}, measured", "\n".join(f"- {escape(text)}" for text in sentences(sets))]
    table = [["line", "real", *names], ["---", *["---:"] * (len(names) + 1)], *rows]
    parts.append("\n".join(f"| {' | '.join(row)} |" for row in table))
    return "\n\n".join([*parts, escape(f"*: {NOTE}")]) + "\n"


def _line(one: Measured, part: str, name: str) -> Line:
    return next(
        (x for x in one.lines if (x.part, x.name) == (part, name)), Line(name, part, "", "", reason="not there")
    )


def _rows(sets: Sequence[Measured], shown: Sequence[int]) -> list[list[str]]:
    rows = []
    for part, title in PARTS.items():
        lines = [line for line in sets[-1].lines if line.part == part]
        rows += [[title]] if lines else []
        for last in lines:
            cells = [_line(sets[i], part, last.name) for i in shown]
            values = [f"{number(x.value)}{'*' if x.word == 'worse' else ' '}" for x in cells]
            rows.append([f"  {last.name}", number(last.real), *values])
    return rows

"""The words and cells of a board that its renderings share, and the tables of every group for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from tabulate import tabulate

from leaderboard.board import Board, Group
from leaderboard.line import NO_COLLAPSE, Line
from leaderboard.overall import Overall, overall
from leaderboard.statistics import Ratio
from leaderboard.text import ARROWS, hundredths, number, plain_table, share
from records.names import MetricName

TERMINAL_WIDTH = 120
HEAD = ("mitigation", "at 0", "at T", "worsening", "prevented [95 %]", "rank", "seeds")
COST_HEAD = ("net. evals", "real", "synthetic", "fit steps", "device s")
OVERALL_HEAD = ("mitigation", "scenarios", "mean prevented", "mean rank", "note")


def terminal(board: Board, width: int = TERMINAL_WIDTH) -> str:
    """Return the headline tables of every group in at most ``width`` columns."""
    parts = list(warnings(board))
    for group in board.groups:
        head = (*from_first(HEAD, group), *([group.sorted_by] if group.sorted_by else []))
        rows = [cells(group, line) for line in group.lines]
        table = [cut(x, width) for x in plain_table(rows, head).splitlines()]
        about = [_wrap(text, width) for text in (heading(group), power_line(group), untrained_line(group)) if text]
        notes = [_wrap(f"- {row_name(group, x)}: {'; '.join(x.notes)}", width) for x in group.lines if x.notes]
        parts.append("\n".join([cut(group.title, width), *about, *table, *notes]))
    for overview in overall(board):
        text = plain_table(overall_rows(overview), OVERALL_HEAD)
        parts.append("\n".join(cut(x, width) for x in [f"overall: {overview.modality}", *text.splitlines()]))
    return join(parts)


def from_first(head: Sequence[str], group: Group) -> list[str]:
    """Return the head of a group's table: a synthetic set, and so a chain, is first measured at 1."""
    if not group.metric or not MetricName.parse(group.metric).first:
        return list(head)
    return [{"at 0": "at 1", "worsening": "worsening since 1"}.get(name, name) for name in head]


def heading(group: Group) -> str:
    """Return the line under a group's title: metric, floor, minimum effect, validity."""
    if not group.metric:
        return "no results yet"
    parts = [f"{group.metric} {ARROWS[group.direction]}"]
    if group.floor:
        parts.append(f"floor {number(group.floor.value)}")
        parts.append(f"minimum effect {number(group.floor.minimum_effect)}")
    else:
        parts.append("no floor, minimum effect 0")
    if group.parent:
        parts.append(f"controls of {group.parent}")
    parts.append(group.controls.label)
    if group.controls.correlation is not None:
        parts.append(f"seed correlation {group.controls.correlation:.2f}")
    return "; ".join(parts)


def power_line(group: Group) -> str:
    """Return how large differences must be for the group's seeds to show them, "" where nothing can be said."""
    power, gap = group.power, group.controls.gap
    if power is None or power.difference == 0.0:  # rows that are equal to the last bit say nothing about noise
        return ""
    part = f" ({power.difference / gap.mean:.0%} of the collapse)" if gap and group.controls.collapsed else ""
    size = f"differences of {number(power.difference, 2)}{part}"
    return f"with these {power.seeds} seeds, {size} are found four times in five, smaller ones are often missed"


def untrained_line(group: Group) -> str:
    """Return what a model that is never trained would prevent, "" where nothing collapsed."""
    found = group.controls.untrained
    return "" if found is None else f"a model that is never trained would prevent {ratio(found)}"


def warnings(board: Board) -> list[str]:
    """Return what must be known before anything on a board is read."""
    if not board.rows:
        return ["The plan has no rows: nothing was measured."]
    warnings = []
    if board.ignored:
        warnings.append(f"{board.ignored} result files are not part of the current plan and are not shown.")
    if board.foreign:
        warnings.append(f"Committed entries of another protocol are not shown: {', '.join(board.foreign)}.")
    return warnings


def row_name(group: Group, line: Line) -> str:
    """Return what a line is called: with a parent, the unmodified run is that scenario itself."""
    name = "(scenario as is)" if group.parent and line.mitigation == "none" else line.mitigation
    return f"{name} (local)" if line.local else name


def cells(group: Group, line: Line) -> list[str]:
    """Return the columns of `HEAD` for one line, and the one that the board was sorted by."""
    worse = "" if line.worsening is None else number(line.worsening.mean)
    if line.sd is not None:
        worse += f" ± {number(line.sd, 2)}"
    sorted_by = [number(line.sorted_value)] if group.sorted_by else []
    start, end = number(line.start), number(line.end)
    return [row_name(group, line), start, end, worse, headline(line), rank(line), line.seeds, *sorted_by]


def headline(line: Line) -> str:
    """Return collapse prevented with its interval, or why there is none."""
    return line.headline if line.prevented is None else ratio(line.prevented)


def brief(line: Line | None) -> str:
    """Return the same in at most some twenty characters: a label's reason stands elsewhere."""
    if line is None:
        return ""
    label = line.headline.partition(":")[0].partition(",")[0]
    return ratio(line.prevented) if line.prevented else "no collapse" if line.headline == NO_COLLAPSE else label


def ratio(found: Ratio) -> str:
    """Return a ratio with its interval."""
    return share(found.value, *((found.low, found.high) if found.kind == "bounded" else (None, None)))


def rank(line: Line) -> str:
    """Return a rank range, "" where there is none."""
    return f"{line.rank[0]}-{line.rank[1]}" if line.rank else ""


def overall_rows(table: Overall) -> list[list[str]]:
    """Return the columns of `OVERALL_HEAD` for every line."""
    rows = []
    for line in table.lines:
        rank = f"{line.rank[0]:.1f}-{line.rank[1]:.1f}" if line.rank else ""
        prevented = "" if line.prevented is None else hundredths(line.prevented)
        rows.append([line.mitigation, line.scenarios, prevented, rank, line.note])
    return rows


def github(rows: Sequence[Sequence[str]], head: Sequence[str], align: Sequence[str]) -> str:
    """Return a Markdown table of cells that are escaped already."""
    return tabulate(rows, head, "github", colalign=align, disable_numparse=True)


def cut(text: str, width: int) -> str:
    """Return a text in at most ``width`` characters."""
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def _wrap(text: str, width: int) -> str:
    return textwrap.fill(text, width, subsequent_indent="  ", break_on_hyphens=False)


def join(parts: Sequence[str]) -> str:
    """Return the parts of a page with a line between them."""
    return "\n\n".join("\n".join(x.rstrip() for x in part.splitlines()) for part in parts) + "\n"

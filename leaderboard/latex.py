r"""The board as LaTeX tables for a paper: booktabs, one table per modality overall and one per group.

Needs `\usepackage{booktabs}`. Captions say what each number is, and that intervals are conditional on one base.
"""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.board import Board, Group
from leaderboard.line import Line
from leaderboard.overall import Overall, overall
from leaderboard.render import OVERALL_HEAD, cells, from_first, heading, overall_rows, power_line
from leaderboard.text import count
from leaderboard.text import latex_escape as escape

HEAD = ("mitigation", "at 0", "at T", "worsening", "prevented", "95 % interval", "rank", "net. evals", "seeds")


def latex(board: Board, title: str) -> str:
    """Return all tables of a board as one LaTeX file to be put into a document with ``input``."""
    parts = [f"% {escape(title)}: needs \\usepackage{{booktabs}}"]
    parts += [_overall(table) for table in overall(board)]
    parts += [_group(group) for group in board.groups]
    return "\n\n".join(parts) + "\n"


def _overall(table: Overall) -> str:
    rows = [[*map(escape, row)] for row in overall_rows(table)]
    rows = [[*row[:3], row[3].replace("-", "--"), row[4]] for row in rows]
    left = "; ".join(table.left_out)
    caption = f"Overall: {table.modality}. Equal weight per scenario, complete methods only."
    return _table(OVERALL_HEAD, rows, "lrrrl", caption + (f" Left out: {left}." if left else ""))


def _group(group: Group) -> str:
    caption = f"{group.title}. {heading(group)}."
    power = f" W{line[1:]}." if (line := power_line(group)) else ""
    return _table(
        from_first(HEAD, group),
        [_row(group, line) for line in group.lines],
        "lrrrrlrrr",
        caption + power,
    )


def _row(group: Group, line: Line) -> list[str]:
    name, start, end, worse, shown, rank, seeds = map(escape, cells(group, line)[:7])
    prevented, _, interval = shown.partition(" ") if line.prevented else (shown, "", "")
    evaluations = count(line.cost.network_evaluations) if line.cost else ""
    return [name, start, end, worse, prevented, interval, rank.replace("-", "--"), evaluations, seeds]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], columns: str, caption: str) -> str:
    body = "\n".join(" & ".join(row) + r" \\" for row in rows)
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(caption)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(escape, head)) + r" \\",
        r"\midrule",
        body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(filter(None, lines))

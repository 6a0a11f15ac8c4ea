r"""The board as LaTeX tables for a paper: booktabs, one table per modality overall and one per group.

Needs `\usepackage{booktabs}`. Captions say what each number is, and that intervals are conditional on one base.
"""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.board import Board, Group, Line
from leaderboard.overall import Overall, overall
from leaderboard.render import heading, headline, power_line, row_name
from leaderboard.text import count, number
from leaderboard.text import latex_escape as escape

HEAD = ("mitigation", "at 0", "at T", "worsening", "prevented", "95 % interval", "rank", "net. evals", "seeds")
OVERALL_HEAD = ("mitigation", "scenarios", "mean prevented", "mean rank", "note")


def latex(board: Board, title: str) -> str:
    """Return all tables of a board as one LaTeX file to be put into a document with ``input``."""
    parts = [f"% {escape(title)}: needs \\usepackage{{booktabs}}"]
    parts += [_overall(table) for table in overall(board)]
    parts += [_group(group) for group in board.groups]
    return "\n\n".join(parts) + "\n"


def _overall(table: Overall) -> str:
    rows = []
    for line in table.lines:
        rank = f"{line.rank[0]:.1f}--{line.rank[1]:.1f}" if line.rank else ""
        prevented = "" if line.prevented is None else f"{line.prevented:.2f}"
        rows.append([escape(line.mitigation), line.scenarios, prevented, rank, escape(line.note)])
    left = "; ".join(table.left_out)
    caption = f"Overall: {table.modality}. Equal weight per scenario, complete methods only."
    return _table(OVERALL_HEAD, rows, "lrrrl", caption + (f" Left out: {left}." if left else ""))


def _group(group: Group) -> str:
    caption = f"{group.title}. {heading(group)}."
    power = power_line(group)
    return _table(
        HEAD, [_row(group, line) for line in group.lines], "lrrrrlrrr", caption + (f" W{power[1:]}." if power else "")
    )


def _row(group: Group, line: Line) -> list[str]:
    ratio, worse = line.prevented, line.worsening
    return [
        escape(row_name(group, line)),
        number(line.start),
        number(line.end),
        "" if worse is None else number(worse.mean) + ("" if line.sd is None else f" $\\pm$ {number(line.sd, 2)}"),
        escape(line.headline) if ratio is None else f"{ratio.value:.2f}",
        "" if ratio is None else headline(line).partition(" ")[2],
        f"{line.rank[0]}--{line.rank[1]}" if line.rank else "",
        count(line.cost.network_evaluations) if line.cost else "",
        line.seeds,
    ]


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

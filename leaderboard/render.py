"""The board for people: a Markdown page and compact tables for the terminal; equal boards give equal bytes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from tabulate import tabulate

from leaderboard.board import Board, Group, Line
from leaderboard.overall import Overall, Wide, overall, wide
from leaderboard.provenance import provenance
from leaderboard.sentences import headline as sentences
from leaderboard.signatures import NAMES as SIGNATURES
from leaderboard.tables import COSTS
from leaderboard.text import ARROWS, count, number, plain_table
from leaderboard.text import markdown_escape as escape
from records.names import MetricName

TERMINAL_WIDTH = 120
HEAD = ("mitigation", "at 0", "at T", "worsening", "prevented [95 %]", "rank", "seeds")
WIDE_HEAD = (*HEAD[:-2], "gain [95 %]", "rank", "p (Holm)", "area", "slope", "onset", "seeds")
COST_HEAD = ("net. evals", "real", "synthetic", "fit steps", "device s")
ORIGIN_HEAD = ("mitigation", "origin", "version", "commit", "date", "hosts", "command")

NOTES = """\
**prevented** = (none - method) / (none - real) at T, a ratio of seed means with Fieller's 95 % interval:
1 = as good as real data, 0 = as bad as no mitigation; a model that is never trained worsens by nothing, and what
that would prevent stands above each table. **worsening** = from iteration 0 to T, mean ± sd over
seeds, positive is worse. **gain** = how much better than `none` at T, paired. **rank** = rank range by paired
differences, Holm-adjusted per method; **p (Holm)** = against `none`. **area** = mean worsening along the
trajectory, **slope** = Theil-Sen slope per iteration, **onset** = iteration from which the worsening lies beyond
the minimum effect and the noise between seeds, up to T. Costs are means over seeds. All seeds share one base
model: every interval is conditional on it. Definitions: docs/statistics.md."""


def markdown(board: Board, title: str = "Leaderboard") -> str:
    """Return the whole board as one Markdown page."""
    parts = [f"# {escape(title)}", *_warnings(board)]
    if board.rows:
        parts.append("\n".join(f"- {escape(sentence)}" for sentence in sentences(board)))
    for table in overall(board):
        parts.extend([f"## Overall: {escape(table.modality)}", _overall_markdown(table)])
        parts.extend(f"- left out: {escape(entry)}" for entry in table.left_out)
    for group in board.groups:
        parts.extend([f"## {escape(group.title)}", escape(heading(group)), *_power_markdown(group)])
        parts.extend([_group_markdown(group), *_notes(group), *_signatures(group)])
    parts.append("## All metrics at T")
    parts.extend(f"### {escape(t.title)}\n\n{_wide_text(t)}" for t in wide(board))
    if board.rows:
        parts.extend(["## Where it comes from", _origins(board)])
    parts.append(NOTES)
    return _join(parts)


def terminal(board: Board, width: int = TERMINAL_WIDTH) -> str:
    """Return the headline tables in at most ``width`` columns."""
    parts = list(_warnings(board))
    for group in board.groups:
        head = (*_from_first(HEAD, group), *([group.sorted_by] if group.sorted_by else []))
        rows = [cells(group, line) for line in group.lines]
        table = [_cut(x, width) for x in plain_table(rows, head).splitlines()]
        about = [_wrap(text, width) for text in (heading(group), power_line(group), untrained_line(group)) if text]
        notes = [_wrap(f"- {row_name(group, x)}: {'; '.join(x.notes)}", width) for x in group.lines if x.notes]
        parts.append("\n".join([_cut(group.title, width), *about, *table, *notes]))
    for overview in overall(board):
        text = plain_table(overall_rows(overview), OVERALL_HEAD)
        parts.append("\n".join(_cut(x, width) for x in [f"overall: {overview.modality}", *text.splitlines()]))
    return _join(parts)


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
    """Return what the group's seeds cannot show, "" where nothing can be said."""
    power, gap = group.power, group.controls.gap
    if power is None or power.difference == 0.0:  # rows that are equal to the last bit say nothing about noise
        return ""
    share = f" ({power.difference / gap.mean:.0%} of the collapse)" if gap and group.controls.collapsed else ""
    return f"with these {power.seeds} seeds, differences below {number(power.difference, 2)}{share} cannot be seen"


def untrained_line(group: Group) -> str:
    """Return what a model that is never trained would prevent, "" where nothing collapsed."""
    share = group.controls.untrained
    return "" if share is None else f"a model that is never trained would prevent {share:.2f}"


def _power_markdown(group: Group) -> list[str]:
    line = power_line(group)
    power = [f"{line} (80 % power, one paired t test at 5 %)"] if line else []
    return [*power, *filter(None, [untrained_line(group)])]


def _warnings(board: Board) -> list[str]:
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
    return [row_name(group, line), start, end, worse, headline(line), _rank(line), line.seeds, *sorted_by]


def headline(line: Line) -> str:
    """Return collapse prevented with its interval, or why there is none."""
    if line.prevented is None:
        return line.headline
    ratio = line.prevented
    ends = f"{ratio.low:.2f}, {ratio.high:.2f}" if ratio.kind == "bounded" else "unbounded"
    return f"{ratio.value:.2f} [{ends}]"


def _rank(line: Line) -> str:
    return f"{line.rank[0]}-{line.rank[1]}" if line.rank else ""


def _gain(line: Line) -> str:
    gain = line.gain
    return "" if gain is None else f"{number(gain.mean)} [{number(gain.low, 2)}, {number(gain.high, 2)}]"


def _group_markdown(group: Group) -> str:
    rows = []
    for line in group.lines:
        shown = cells(group, line)
        onset = "" if line.onset is None else str(line.onset)
        extra = [_gain(line), _rank(line), number(line.p_value, 2), number(line.area), number(line.slope), onset]
        costs = [count(getattr(line.cost, name)) if line.cost else "" for name in COSTS]
        share = shown[4] if line.prevented else escape(shown[4])
        rows.append([escape(shown[0]), *shown[1:4], share, *extra, *shown[6:], *costs])
    head = (
        *_from_first(WIDE_HEAD, group),
        *([f"**{escape(group.sorted_by)}**"] if group.sorted_by else []),
        *COST_HEAD,
    )
    return _github(rows, head, ("left", *["right"] * (len(head) - 1)))


def _from_first(head: Sequence[str], group: Group) -> list[str]:
    """Return the head of a group's table: a synthetic set, and so a chain, is first measured at 1."""
    first = MetricName.parse(group.metric).first if group.metric else 0
    return [name.replace("at 0", f"at {first}") for name in head]


def _notes(group: Group) -> list[str]:
    noted = [line for line in group.lines if line.notes]
    lines = [f"- {escape(row_name(group, line))}: {escape('; '.join(line.notes))}" for line in noted]
    return ["\n".join(lines)] if lines else []


def _signatures(group: Group) -> list[str]:
    """Return the table of failure signatures, where any row could be tested for any."""
    lines = [line for line in group.lines if any(s.measured for s in line.signatures)]
    rows = [[escape(row_name(group, line)), *(escape(s.text) for s in line.signatures)] for line in lines]
    head = ("from iteration", *SIGNATURES)
    return [_github(rows, head, ["left"] * len(head))] if rows else []


OVERALL_HEAD = ("mitigation", "scenarios", "mean prevented", "mean rank", "note")


def overall_rows(table: Overall) -> list[list[str]]:
    """Return the columns of `OVERALL_HEAD` for every line."""
    rows = []
    for line in table.lines:
        rank = f"{line.rank[0]:.1f}-{line.rank[1]:.1f}" if line.rank else ""
        prevented = "" if line.prevented is None else f"{line.prevented:.2f}"
        rows.append([line.mitigation, line.scenarios, prevented, rank, line.note])
    return rows


def _overall_markdown(table: Overall) -> str:
    rows = [[escape(row[0]), *row[1:4], escape(row[4])] for row in overall_rows(table)]
    return _github(rows, OVERALL_HEAD, ("left", "right", "right", "right", "left"))


def _wide_text(table: Wide) -> str:
    head = ["mitigation", "seeds"]
    for metric, direction, primary in zip(table.metrics, table.directions, table.primary, strict=True):
        name = escape(f"{MetricName.parse(metric).beside} {ARROWS[direction]}".strip())
        head.append(f"**{name}**" if primary else name)
    rows = [
        [escape(line.mitigation), line.seeds, *(v if isinstance(v, str) else number(v) for v in line.values)]
        for line in table.lines
    ]
    return _github(rows, head, ("left", *["right"] * (len(head) - 1)))


def _origins(board: Board) -> str:
    rows = []
    for origin in provenance(board):
        known = (origin.mitigation, origin.origin, origin.version, origin.commit, origin.created, origin.hosts)
        rows.append([*map(escape, known), f"`{origin.command.replace('`', '')}`" if origin.command else ""])
    return _github(rows, ORIGIN_HEAD, ["left"] * len(ORIGIN_HEAD))


def _github(rows: Sequence[Sequence[str]], head: Sequence[str], align: Sequence[str]) -> str:
    """Return a Markdown table of cells that are escaped already."""
    return tabulate(rows, head, "github", colalign=align, disable_numparse=True)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def _wrap(text: str, width: int) -> str:
    return textwrap.fill(text, width, subsequent_indent="  ", break_on_hyphens=False)


def _join(parts: Sequence[str]) -> str:
    return "\n\n".join("\n".join(x.rstrip() for x in part.splitlines()) for part in parts) + "\n"

"""The board as one Markdown page: what it says in words, one table a kind of loop, then every detail.

Equal boards give equal bytes.
"""

from __future__ import annotations

from leaderboard import overview
from leaderboard.board import Board, Group
from leaderboard.line import Line
from leaderboard.overall import Overall, Wide, overall, wide
from leaderboard.provenance import provenance
from leaderboard.render import (
    COST_HEAD,
    HEAD,
    OVERALL_HEAD,
    cells,
    from_first,
    github,
    heading,
    join,
    overall_rows,
    power_line,
    rank,
    row_name,
    untrained_line,
    warnings,
)
from leaderboard.sentences import headline as sentences
from leaderboard.sentences import sizes
from leaderboard.signatures import NAMES as SIGNATURES
from leaderboard.tables import COSTS
from leaderboard.text import ARROWS, count, number
from leaderboard.text import markdown_escape as escape
from records.names import MetricName

WIDE_HEAD = (*HEAD[:-2], "gain [95 %]", "rank", "p (Holm)", "area", "slope", "onset", "seeds")
ORIGIN_HEAD = ("mitigation", "origin", "version", "commit", "date", "hosts", "command")

NOTES = """\
**prevented** = (none - method) / (none - real) at T, a ratio of seed means with Fieller's 95 % interval:
1 = as good as real data, 0 = as bad as no mitigation; a model that is never trained worsens by nothing, and what
that would prevent stands above each table. **worsening** = from iteration 0 to T, of metrics of sets from 1, where
they begin; mean ± sd over seeds, positive is worse. **gain** = how much better than `none` at T, paired. **rank** =
rank range by paired differences, Holm-adjusted per method; **p (Holm)** = against `none`. **area** = mean worsening
along the trajectory, **slope** = Theil-Sen slope per iteration, **onset** = iteration from which the worsening lies
beyond the minimum effect and the noise between seeds, up to T. Costs are means over seeds. All seeds share one base
model: every interval is conditional on it. Definitions: docs/statistics.md."""


def markdown(board: Board, title: str = "Leaderboard") -> str:
    """Return the whole board as one Markdown page."""
    parts = [f"# {escape(title)}", *warnings(board)]
    if board.rows:
        parts += [f"{sizes(board)}.", "\n".join(f"- {escape(sentence)}" for sentence in sentences(board))]
    parts.extend(overview.markdown(board))
    parts.append(NOTES)
    for table in overall(board):
        parts.extend([f"## Overall: {escape(table.modality)}", _overall_markdown(table)])
        parts.extend(f"- left out: {escape(entry)}" for entry in table.left_out)
    if board.groups:
        parts.append("## Every group in detail")
    for group in board.groups:
        parts.extend([f"### {escape(group.title)}", escape(heading(group)), *_power_markdown(group)])
        parts.extend([_group_markdown(group), *_notes(group), *_signatures(group)])
    parts.append("## All metrics at T")
    parts.extend(f"### {escape(t.title)}\n\n{_wide_text(t)}" for t in wide(board))
    if board.rows:
        parts.extend(["## Where it comes from", _origins(board)])
    return join(parts)


def _power_markdown(group: Group) -> list[str]:
    line = power_line(group)
    power = [f"{line} (80 % power, one paired t test at 5 %)"] if line else []
    return [*power, *filter(None, [untrained_line(group)])]


def _group_markdown(group: Group) -> str:
    rows = []
    for line in group.lines:
        shown = cells(group, line)
        onset = "" if line.onset is None else str(line.onset)
        extra = [_gain(line), rank(line), number(line.p_value, 2), number(line.area), number(line.slope), onset]
        costs = [count(getattr(line.cost, name)) if line.cost else "" for name in COSTS]
        share = shown[4] if line.prevented else escape(shown[4])
        rows.append([escape(shown[0]), *shown[1:4], share, *extra, *shown[6:], *costs])
    head = (*from_first(WIDE_HEAD, group), *([f"**{escape(group.sorted_by)}**"] if group.sorted_by else []), *COST_HEAD)
    return github(rows, head, ("left", *["right"] * (len(head) - 1)))


def _gain(line: Line) -> str:
    gain = line.gain
    return "" if gain is None else f"{number(gain.mean)} [{number(gain.low)}, {number(gain.high)}]"


def _notes(group: Group) -> list[str]:
    noted = [line for line in group.lines if line.notes]
    lines = [f"- {escape(row_name(group, line))}: {escape('; '.join(line.notes))}" for line in noted]
    return ["\n".join(lines)] if lines else []


def _signatures(group: Group) -> list[str]:
    """Return the table of failure signatures, where any row could be tested for any."""
    lines = [line for line in group.lines if any(s.measured for s in line.signatures)]
    rows = [[escape(row_name(group, line)), *(escape(s.text) for s in line.signatures)] for line in lines]
    head = ("from iteration", *SIGNATURES)
    return [github(rows, head, ["left"] * len(head))] if rows else []


def _overall_markdown(table: Overall) -> str:
    rows = [[escape(row[0]), *row[1:4], escape(row[4])] for row in overall_rows(table)]
    return github(rows, OVERALL_HEAD, ("left", "right", "right", "right", "left"))


def _wide_text(table: Wide) -> str:
    head = ["mitigation", "seeds"]
    for metric, direction, primary in zip(table.metrics, table.directions, table.primary, strict=True):
        name = escape(f"{MetricName.parse(metric).beside} {ARROWS[direction]}".strip())
        head.append(f"**{name}**" if primary else name)
    rows = [
        [escape(line.mitigation), line.seeds, *(v if isinstance(v, str) else number(v) for v in line.values)]
        for line in table.lines
    ]
    return github(rows, head, ("left", *["right"] * (len(head) - 1)))


def _origins(board: Board) -> str:
    rows = []
    for origin in provenance(board):
        known = (origin.mitigation, origin.origin, origin.version, origin.commit, origin.created, origin.hosts)
        rows.append([*map(escape, known), f"`{origin.command.replace('`', '')}`" if origin.command else ""])
    return github(rows, ORIGIN_HEAD, ["left"] * len(ORIGIN_HEAD))

"""The board as text: Markdown, CSV and a compact table for the terminal; equal boards give equal bytes."""

from __future__ import annotations

import csv
import io
import math
import textwrap
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from leaderboard.board import Board, Group, Line
from leaderboard.overall import Overall, Wide, overall, wide

ARROWS = {"down": "↓", "up": "↑", "none": "", "": ""}
TERMINAL_WIDTH = 120
COSTS = ("network_evaluations", "real_samples", "synthetic_samples", "training_steps", "device_seconds")
HEAD = ("mitigation", "at 0", "at T", "worsening", "prevented [95 %]", "rank", "seeds")
WIDE_HEAD = (*HEAD[:-1], "p (Holm)", "area", "slope", "onset", "seeds")
COST_HEAD = ("net. evals", "real", "synthetic", "fit steps", "device s")

NOTES = """\
**prevented** = (none - method) / (none - real) at T, a ratio of seed means with Fieller's 95 % interval:
1 = as good as real data, 0 = as bad as no mitigation. **worsening** = from iteration 0 to T, mean ± sd over
seeds, positive is worse. **rank** = rank range by paired differences, Holm-adjusted per method; **p (Holm)**
= against `none`. **area** = mean worsening along the trajectory, **slope** = Theil-Sen slope per iteration,
**onset** = iteration from which the worsening stays above the minimum effect. Costs are means over seeds. All
seeds share one base model: every interval is conditional on it."""


def number(value: float | None, digits: int = 3) -> str:
    """Return a number in few characters; "" for None."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 10 ** (digits + 3):
        return f"{value:.{digits - 1}e}"
    text = f"{value:.{digits}g}"
    if "e" in text and abs(value) >= 1e-4:
        text = f"{value:.0f}"
    return text


def count(value: float | None) -> str:
    """Return a count such as 1234, 34.5k, 5.6M; "" for None."""
    if value is None:
        return ""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * size or (unit != "k" and abs(value) >= size):
            return f"{value / size:.3g}{unit}"
    return f"{value:.0f}"


def markdown(board: Board, title: str = "Leaderboard") -> str:
    """Return the whole board as one Markdown page."""
    parts = [f"# {title}", *_warnings(board)]
    for table in overall(board):
        parts.extend([f"## Overall: {table.modality}", _overall_text(table, "github")])
        parts.extend(f"- left out: {_escape(entry)}" for entry in table.left_out)
    for group in board.groups:
        parts.extend([f"## {_escape(group.title)}", _escape(heading(group)), _group_markdown(group)])
        parts.extend(_notes(group))
    parts.append("## All metrics at T")
    parts.extend(f"### {_escape(_wide_title(t))}\n\n{_wide_text(t)}" for t in wide(board))
    parts.append(NOTES)
    return _join(parts)


def terminal(board: Board, width: int = TERMINAL_WIDTH) -> str:
    """Return the headline tables in at most ``width`` columns."""
    parts = list(_warnings(board))
    for group in board.groups:
        rows = [_cells(group, line) for line in group.lines]
        text = tabulate(rows, HEAD, tablefmt="simple", disable_numparse=True)
        body = "\n".join(_cut(x, width) for x in [group.title, *text.splitlines()])
        head, _, table_text = body.partition("\n")
        notes = [_wrap(f"- {_name(group, x)}: {'; '.join(x.notes)}", width) for x in group.lines if x.notes]
        parts.append("\n".join([head, _wrap(heading(group), width), table_text, *notes]))
    for table in overall(board):
        text = f"overall: {table.modality}\n{_overall_text(table, 'simple')}"
        parts.append("\n".join(_cut(x, width) for x in text.splitlines()))
    return _join(parts)


def csv_text(board: Board) -> str:
    """Return one line per group and mitigation, with every number in six digits."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    records = [_record(group, line) for group in board.groups for line in group.lines]
    if records:
        writer.writerow(records[0])
        writer.writerows(record.values() for record in records)
    return stream.getvalue()


def csv_wide(board: Board) -> str:
    """Return one line per scenario variant, mitigation and metric: the mean at T or its label."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["scenario", "variant", "mitigation", "seeds", "metric", "direction", "primary", "value"])
    for table in wide(board):
        about = list(zip(table.metrics, table.directions, table.primary, strict=True))
        for line in table.lines:
            for (metric, direction, primary), value in zip(about, line.values, strict=True):
                where = (table.scenario, table.variant, line.mitigation, line.seeds)
                writer.writerow([*where, metric, direction, int(primary), _plain(value)])
    return stream.getvalue()


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


def _warnings(board: Board) -> list[str]:
    if not board.rows:
        return ["The plan has no rows: nothing was measured."]
    if board.ignored:
        return [f"{board.ignored} result files are not part of the current plan and are not shown."]
    return []


def _name(group: Group, line: Line) -> str:
    """Return what a line is called: with a parent, the unmodified run is that scenario itself."""
    return "(scenario as is)" if group.parent and line.mitigation == "none" else line.mitigation


def _cells(group: Group, line: Line) -> list[str]:
    """Return the columns of `HEAD` for one line."""
    worse = "" if line.worsening is None else number(line.worsening.mean)
    if line.sd is not None:
        worse += f" ± {number(line.sd, 2)}"
    rank = f"{line.rank[0]}-{line.rank[1]}" if line.rank else ""
    return [
        _name(group, line),
        number(line.start),
        number(line.end),
        worse,
        _headline(line),
        rank,
        line.seeds,
    ]


def _headline(line: Line) -> str:
    if line.prevented is None:
        return line.headline
    ratio = line.prevented
    return f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def _group_markdown(group: Group) -> str:
    rows = []
    for line in group.lines:
        cells = _cells(group, line)
        extra = [number(line.p_value, 2), number(line.area), number(line.slope)]
        onset = "" if line.onset is None else str(line.onset)
        costs = [count(getattr(line.cost, name)) if line.cost else "" for name in COSTS]
        rows.append([*cells[:-1], *extra, onset, cells[-1], *costs])
    align = ("left", *["right"] * (len(WIDE_HEAD) + len(COST_HEAD) - 1))
    return _github(rows, (*WIDE_HEAD, *COST_HEAD), align)


def _notes(group: Group) -> list[str]:
    noted = [line for line in group.lines if line.notes]
    lines = [f"- {_escape(_name(group, line))}: {_escape('; '.join(line.notes))}" for line in noted]
    return ["\n".join(lines)] if lines else []


def _overall_text(table: Overall, style: str) -> str:
    rows = []
    for line in table.lines:
        rank = f"{line.rank[0]:.1f}-{line.rank[1]:.1f}" if line.rank else ""
        prevented = "" if line.prevented is None else f"{line.prevented:.2f}"
        rows.append([line.mitigation, line.scenarios, prevented, rank, line.note])
    head = ("mitigation", "scenarios", "mean prevented", "mean rank", "note")
    if style == "github":
        return _github(rows, head, ("left", "right", "right", "right", "left"))
    return tabulate(rows, head, tablefmt=style, disable_numparse=True)


def _wide_title(table: Wide) -> str:
    return f"{table.scenario} / {table.variant}: {table.modality}"


def _wide_text(table: Wide) -> str:
    head = ["mitigation", "seeds"]
    for metric, direction, primary in zip(table.metrics, table.directions, table.primary, strict=True):
        name = f"{metric.partition('/')[2]} {ARROWS[direction]}".strip()
        head.append(f"**{name}**" if primary else name)
    rows = [
        [line.mitigation, line.seeds, *(v if isinstance(v, str) else number(v) for v in line.values)]
        for line in table.lines
    ]
    return _github(rows, head, ("left", *["right"] * (len(head) - 1)))


def _github(rows: Sequence[Sequence[str]], head: Sequence[str], align: Sequence[str]) -> str:
    escaped = [[_escape(cell) for cell in row] for row in rows]
    return tabulate(escaped, [_escape(h) for h in head], "github", colalign=align, disable_numparse=True)


def _escape(text: str) -> str:
    """Keep names and messages from breaking a Markdown table or page."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _record(group: Group, line: Line) -> dict[str, Any]:
    prevented, worse = line.prevented, line.worsening
    record: dict[str, Any] = {
        "scenario": group.scenario,
        "variant": group.variant,
        "modality": group.modality,
        "metric": group.metric,
        "direction": group.direction,
        "validity": group.controls.label,
        "floor": group.floor.value if group.floor else None,
        "minimum_effect": group.floor.minimum_effect if group.floor else None,
        "mitigation": line.mitigation,
        "role": line.role,
        "seeds": line.seeds,
        "label": line.headline,
        "start": line.start,
        "end": line.end,
        "worsening": worse.mean if worse else None,
        "worsening_sd": line.sd,
        "prevented": prevented.value if prevented else None,
        "prevented_low": prevented.low if prevented else None,
        "prevented_high": prevented.high if prevented else None,
        "gain": line.gain.mean if line.gain else None,
        "gain_low": line.gain.low if line.gain else None,
        "gain_high": line.gain.high if line.gain else None,
        "p_holm": line.p_value,
        "rank_low": line.rank[0] if line.rank else None,
        "rank_high": line.rank[1] if line.rank else None,
        "area": line.area,
        "slope": line.slope,
        "onset": line.onset,
        **{name: getattr(line.cost, name) if line.cost else None for name in COSTS},
        "notes": "; ".join(line.notes),
    }
    return {name: _plain(value) for name, value in record.items()}


def _plain(value: float | str | None) -> str:
    """Return a CSV field; six digits, since the last ones depend on the machine's summation order."""
    if isinstance(value, float):
        return f"{value + 0.0:.6g}"
    return "" if value is None else str(value)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def _wrap(text: str, width: int) -> str:
    return textwrap.fill(text, width, subsequent_indent="  ", break_on_hyphens=False)


def _join(parts: Sequence[str]) -> str:
    return "\n\n".join("\n".join(x.rstrip() for x in part.splitlines()) for part in parts) + "\n"

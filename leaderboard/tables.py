"""The board for programs: a record per group and mitigation as CSV and JSON, every number of every seed as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from leaderboard.board import Board, Group
from leaderboard.line import Line
from leaderboard.loops import Loop, loops
from leaderboard.overall import Overall, overall
from leaderboard.pareto import front
from leaderboard.provenance import origin as origin_of
from leaderboard.provenance import provenance
from leaderboard.signatures import NAMES as SIGNATURES
from leaderboard.statistics import MeanInterval, Ratio
from leaderboard.text import csv_field, json_number
from records.names import MetricName

COSTS = ("network_evaluations", "real_samples", "synthetic_samples", "training_steps", "device_seconds")
JSON_SCHEMA = 1


def records(board: Board) -> list[dict[str, Any]]:
    """Return one flat record per group and mitigation."""
    return [_record(board, group, line) for group in board.groups for line in group.lines]


def csv_text(board: Board) -> str:
    """Return one line per group and mitigation, with every number in six digits."""
    rows = records(board)
    return _csv([list(rows[0]), *(map(csv_field, row.values()) for row in rows)]) if rows else ""


TIDY = (
    "scenario", "variant", "mitigation", "seed", "iteration", "metric", "direction", "primary", "value", "low", "high"
)  # fmt: skip


def csv_tidy(board: Board) -> str:
    """Return one line per row, seed, iteration and metric: every number that was measured, its interval beside it."""
    lines: list[Iterable[Any]] = [TIDY]
    for row in board.rows:
        for cell in row.cells(board.results):
            for point in sorted((*cell.metrics, *cell.sets), key=lambda point: point.iteration):
                for metric in sorted(point.values):
                    info, found = cell.info.get(metric), point.intervals.get(metric)
                    where = (row.scenario, row.variant, row.mitigation, cell.seed, point.iteration, metric)
                    about = (info.direction, int(info.primary)) if info else ("", "")
                    ends = (found.low, found.high) if found else ("", "")
                    lines.append(map(csv_field, (*where, *about, point.values[metric], *ends)))
    return _csv(lines)


def _csv(lines: Sequence[Iterable[Any]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(lines)
    return stream.getvalue()


def json_text(board: Board, title: str) -> str:
    """Return the board as one JSON document: `rows` as in the CSV, `groups`, `loops`, `overall`, `provenance`."""
    document = {
        "schema": JSON_SCHEMA,
        "title": title,
        "rows": [{name: json_number(value) for name, value in record.items()} for record in records(board)],
        "groups": [{name: json_number(value) for name, value in _about(group).items()} for group in board.groups],
        "loops": [_loop(loop, board) for loop in loops(board)],
        "overall": [_overall(table) for table in overall(board)],
        "provenance": [asdict(origin) for origin in provenance(board)],
    }
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _where(group: Group) -> dict[str, str]:
    return {name: getattr(group, name) for name in ("scenario", "variant", "modality", "metric")}


def _ends(name: str, found: MeanInterval | Ratio | None) -> dict[str, float | None]:
    if found is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    value = found.value if isinstance(found, Ratio) else found.mean
    return {name: value, f"{name}_low": found.low, f"{name}_high": found.high}


def _ratio(name: str, found: Ratio | None) -> dict[str, Any]:
    """Return a ratio with its set, which is an interval only where its kind is "bounded"."""
    return {**_ends(name, found), f"{name}_kind": found.kind if found else None}


def _about(group: Group) -> dict[str, Any]:
    controls, power = group.controls, group.power
    return {
        **_where(group),
        "validity": controls.label,
        **_ends("gap", controls.gap),
        **_ratio("untrained", controls.untrained),
        "seed_correlation": controls.correlation,
        "detectable_difference": power.difference if power else None,
        "detectable_seeds": power.seeds if power else None,
    }


def _loop(loop: Loop, board: Board) -> dict[str, Any]:
    """Return a loop's rows over all sides: headline, rank, whether on the front of costs, what is learned."""
    marked = front(loop.rows)
    rows = []
    for row in loop.rows:
        lines = {"front": row.name in marked, "reference": row.reference, "prevented": row.value}
        share = row.joint.share if row.joint else None
        ends = {"both_low": share.low if share else None, "both_high": share.high if share else None}
        rank = {"rank_low": row.rank[0] if row.rank else None, "rank_high": row.rank[1] if row.rank else None}
        learned = {
            f"{side}_learns": {
                **_ratio("share", None if row.child else found.share(row.mitigation)),
                "of": "" if row.child else found.basis(row.mitigation),
            }
            for side, found in board.learning.items() if any(group.modality == side for group in loop.groups)
        }  # fmt: skip
        flat = {"name": row.name, "mitigation": row.mitigation, **lines, **ends, **rank}
        nested = {name: {k: json_number(v) for k, v in ends.items()} for name, ends in learned.items()}
        rows.append({**{name: json_number(value) for name, value in flat.items()}, **nested})
    return {"scenario": loop.scenario, "variant": loop.variant, "kind": loop.kind, "rows": rows}


def _overall(table: Overall) -> dict[str, Any]:
    lines = [
        {
            "mitigation": line.mitigation,
            "scenarios": line.scenarios,
            "prevented": json_number(line.prevented),
            "rank_low": json_number(line.rank[0]) if line.rank else None,
            "rank_high": json_number(line.rank[1]) if line.rank else None,
            "note": line.note,
        }
        for line in table.lines
    ]
    return {"modality": table.modality, "lines": lines, "left_out": list(table.left_out)}


def _onset(line: Line, name: str) -> int | str | None:
    """Return the iteration from which a row has a signature, None where it has not."""
    found = next((s for s in line.signatures if s.name == name), None)
    return None if found is None else found.onset if found.measured else "not measured"


def _record(board: Board, group: Group, line: Line) -> dict[str, Any]:
    worse, origin = line.worsening, origin_of(board, [line.reading.row])
    return {
        **_where(group),
        "direction": group.direction,
        "validity": group.controls.label,
        "floor": group.floor.value if group.floor else None,
        "minimum_effect": group.floor.minimum_effect if group.floor else None,
        "mitigation": line.mitigation,
        "role": line.role,
        "seeds": line.seeds,
        "label": line.headline,
        "first": MetricName.parse(group.metric).first if group.metric else None,
        "start": line.start,
        "end": line.end,
        "worsening": worse.mean if worse else None,
        "worsening_sd": line.sd,
        **_ratio("prevented", line.prevented),
        **_ends("gain", line.gain),
        "p_holm": line.p_value,
        "rank_low": line.rank[0] if line.rank else None,
        "rank_high": line.rank[1] if line.rank else None,
        "area": line.area,
        "slope": line.slope,
        "onset": line.onset,
        "seed_correlation": line.correlation,
        **{name.replace(" ", "_"): _onset(line, name) for name in SIGNATURES},
        **{name: getattr(line.cost, name) if line.cost else None for name in COSTS},
        "notes": "; ".join(line.notes),
        "origin": origin.origin,
        "version": origin.version,
        "commit": origin.commit,
        "protocol": line.protocol,
        "created": origin.created,
        "hosts": origin.hosts,
        "command": origin.command,
    }

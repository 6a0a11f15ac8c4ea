"""What a survey says to other programs: survey.json, survey.csv, and the votes that a claim reads."""

from __future__ import annotations

import csv
import io
from itertools import combinations
from typing import Any

from benchmarks.survey.report import ranks
from benchmarks.survey.tally import Side, Tally
from leaderboard.preferences import RATERS_TO_DECIDE
from leaderboard.text import csv_field, json_number
from records.names import CONTROLS, RowName

SCHEMA = 1
HEAD = ("side", "contestant", "row", "iteration", "strength", "low", "high", "rank", "won", "votes")


def document(found: Tally) -> dict[str, Any]:
    """Return survey.json as plain data."""
    return {
        "schema": SCHEMA, "suite": found.key.suite, "of": found.key.of, "survey": found.key.survey,
        "raters": [{**vars(rater), "left": json_number(rater.left)} for rater in found.raters],
        "refused": list(found.refused), "sides": [_side_document(side) for side in found.sides],
    }  # fmt: skip


def _side_document(side: Side) -> dict[str, Any]:
    ranking, places = side.ranking, ranks(side)
    base = {
        "side": side.side, "votes": side.votes, "ties": side.ties, "reason": side.reason,
        "agreement": {name: json_number(value) for name, value in vars(side.agreement).items()},
    }  # fmt: skip
    contestants, pairs = [], []
    for i, about in enumerate(side.contestants):
        interval = None if ranking is None else ranking.interval(i)
        contestants.append({
            "name": about.name, "row": about.row, "iteration": about.iteration,
            "strength": None if ranking is None else json_number(float(ranking.strength[i])),
            "interval": None if interval is None else [json_number(x) for x in interval],
            "rank": places.get(about.name),
        })  # fmt: skip
    if ranking is not None:
        for i, j in combinations(range(len(side.names)), 2):
            interval = ranking.interval(i, j)
            pairs.append({
                "one": side.names[i], "other": side.names[j], "votes_of_one": float(ranking.won[i, j]),
                "votes_of_other": float(ranking.won[j, i]),
                "difference": json_number(float(ranking.strength[i] - ranking.strength[j])),
                "interval": None if interval is None else [json_number(x) for x in interval],
                "p_value": json_number(float(ranking.p_values[i, j])),
            })  # fmt: skip
    metrics = [
        {
            "metric": a.metric, "direction": a.direction, "spearman": json_number(a.part.effect), "n": a.part.n,
            "interval": None if a.interval is None else [json_number(x) for x in a.interval],
            "p_value": json_number(a.p_value),
        }
        for a in side.along
    ]  # fmt: skip
    return {**base, "contestants": contestants, "pairs": pairs, "metrics": metrics}


def table(found: Tally) -> str:
    """Return survey.csv, one line a contestant; no field is a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["side", "contestant", "row", "iteration", "strength", "low", "high", "rank", "won", "votes"])
    for side in found.sides:
        places = ranks(side)
        for i, about in enumerate(side.contestants):
            ranking = side.ranking
            low, high = (ranking.interval(i) if ranking else None) or (None, None)
            won = None if ranking is None else float(ranking.won[i].sum())
            total = None if ranking is None else float((ranking.won[i] + ranking.won[:, i]).sum())
            place = "-".join(map(str, places[about.name])) if places else ""
            strength = None if ranking is None else float(ranking.strength[i])
            fields = (side.side, about.name, about.row, about.iteration, strength, low, high, place, won, total)
            writer.writerow([csv_field(value) for value in fields])
    return text.getvalue()


def claim_votes(found: Tally) -> dict[str, dict[str, float]]:
    """Return scenario -> variant -> how much people like its sets, of scenarios that a claim of the suite asks about.

    A claim is about the sets that models learned from under `none` in iteration 1, so other surveys feed none, and nor
    do fewer raters than decide.
    """
    if found.key.of != "sets" or len(found.counted) < RATERS_TO_DECIDE:
        return {}
    made: dict[str, dict[str, float]] = {}
    for side in found.sides:
        for i, about in enumerate(side.contestants):
            if not about.row or about.iteration != 1 or side.ranking is None:
                continue
            row = RowName.parse(about.row)
            if row.mitigation == CONTROLS[0] and row.scenario in found.key.claims:
                made.setdefault(row.scenario, {})[row.variant] = float(f"{side.ranking.strength[i]:.6g}")
    return made

"""Made-up result files of any planned suite: headlines in straight lines, as fast as the method's name says."""

from __future__ import annotations

import hashlib

import numpy as np

from benchmarks.planning.plan import Plan
from benchmarks.planning.protocols import metric_infos
from leaderboard.board import Board, build
from leaderboard.readings import BoardRow
from records.results import CellResult, Cost, Floor, Point, Row

RATES = {"none": 1.0, "real": 0.05}


def rate(name: str) -> float:
    """How fast a row worsens: 1 for `none`, and something between -0.2 and 1.4 that only the name decides."""
    return RATES.get(name, -0.2 + 1.6 * int(hashlib.sha256(name.encode()).hexdigest()[:4], 16) / 65535)


def made_up(plan: Plan, noise: float = 0.05) -> dict[str, CellResult]:
    """Return a complete result of every cell, of its headline metrics alone."""
    found = {}
    for row in plan.rows:
        name = row.mitigation if row.parent is None or row.mitigation == "real" else f"{row.variant}{row.mitigation}"
        for seed, key in zip(row.seeds, row.keys, strict=True):
            planned = plan.cells[key]
            info = {m: about for m, about in metric_infos(plan, planned, row.protocol).items() if about.primary}
            rng = np.random.default_rng([seed, len(name)])
            t = np.arange(planned.cell.iterations + 1)
            worse = 0.1 * t * (rate(name) + noise * rng.normal(size=len(t)))
            points = [
                Point(int(i), {m: float(1 + (w if about.direction == "down" else -w)) for m, about in info.items()})
                for i, w in zip(t, worse, strict=True)
            ]
            found[key] = CellResult(
                suite=plan.suite.name, suite_digest=plan.digest, key=key, seed=seed, n=planned.cell.n,
                iterations=planned.cell.iterations,
                rows=tuple(Row(r["scenario"], r["variant"], r["mitigation"], r["parent"]) for r in planned.rows),
                trains=tuple(planned.cell.scenario.trains), status="complete", metrics=tuple(points),
                floors={m: Floor(1.0, 0.005, 10, 0.01) for m in info}, info=info,
                cost=Cost(1000 * len(name), 0, 64, 4, 1.5, 2.0), execution={"device": "cpu", "machine": "x86_64"},
            )  # fmt: skip
    return found


def board_of(plan: Plan, results: dict[str, CellResult]) -> Board:
    rows = [BoardRow(r.scenario, r.variant, r.mitigation, r.parent, r.seeds, r.keys, r.applies_to) for r in plan.rows]
    return build(rows, results)

"""A study with simulated numbers, its entries, and what a test does with them."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.commands import main as cli
from benchmarks.planning.planner import make_plan
from benchmarks.planning.protocols import metric_infos
from records.results import CellResult, Cost, Floor, Point, Row

GOLDEN = Path(__file__).parent / "golden"
METHODS = ("none", "real", "accumulate", "fresh_real")
ROW = "single_model_generator/default"
RATES = {"none": 1.0, "real": 0.05, "accumulate": 0.4, "fresh_real": 0.3}


def simulate(home: Path) -> None:
    plan = make_plan(str(home / "small.yaml"))
    for row in plan.rows:
        for seed, key in zip(row.seeds, row.keys, strict=True):
            planned = plan.cells[key]
            result = simulated(plan, planned, metric_infos(plan, planned, row.protocol), row, seed)
            result.write(home / "runs" / "small" / "results" / result.file_name)


def simulated(plan, planned, info, row, seed: int) -> CellResult:
    """A cell that worsens in a straight line, faster for some seeds; sets are measured from iteration 1 on."""
    pace = RATES[row.mitigation] * (1 + 0.05 * seed) + 0.02 * ((7 * seed + len(row.mitigation)) % 5)

    def value(metric: str, t: int) -> float:
        return 0.5 + (0.05 if info[metric].direction == "down" else -0.05) * t * pace

    points = [
        (t, {m: value(m, t) for m in info if m.startswith("set/") == bool(pool)}) for pool in (0, 1) for t in range(5)
    ]
    return CellResult(
        suite="small", suite_digest=plan.digest, key=planned.key, seed=seed, iterations=4, n=16,
        rows=tuple(Row(r["scenario"], r["variant"], r["mitigation"], r["parent"]) for r in planned.rows),
        trains=tuple(planned.cell.scenario.trains), status="complete",
        metrics=tuple(Point(t, values) for t, values in points[:5]),
        sets=tuple(Point(t, values) for t, values in points[6:]),
        floors={m: Floor(0.5, 0.005, 10, 0.01) for m in info if not m.startswith("set/")}, info=info,
        cost=Cost(1000 * len(row.mitigation), 0, 64, 4, 1.5, 2.0),
        execution={"device": "cpu", "machine": "x86_64", "threads": 1, "processor": "AMD EPYC 25 17 AVX512"},
        versions={"torch": "2.13.0+cpu"},
        commit="ab" * 20, created="2030-01-01T00:00:00+00:00",
    )  # fmt: skip


def submit(home: Path, method: str, *arguments: str) -> int:
    where = ["--runs", str(home / "runs"), "--entries", str(home / "entries")]
    return cli.main(["submit", str(home / "small.yaml"), "--method", method, *where, *arguments])


def table(home: Path, *arguments: str) -> int:
    where = ["--runs", str(home / "runs"), "--entries", str(home / "entries"), "--boards", str(home / "boards")]
    return cli.main(["table", str(home / "small.yaml"), *where, *arguments])


def verify(home: Path, path: Path, *arguments: str) -> int:
    return cli.main(["verify", str(path), "--suite", str(home / "small.yaml"), *arguments])


def edit(home: Path, change, method: str = "accumulate") -> Path:
    """Change the JSON of an entry, as a stranger would."""
    path = home / "entries" / "small" / f"{method}.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return path


def row_of(document, name=ROW):
    return next(row for row in document["rows"] if f"{row['scenario']}/{row['variant']}" == name)


def headline(document):
    return next(metric for metric, about in row_of(document)["info"].items() if about["primary"])

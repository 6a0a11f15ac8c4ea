"""The MLflow mirror counts the same however often it runs, and repairs what a kill left behind."""

from __future__ import annotations

import dataclasses
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.reporting import tracking
from records.results import CellError, CellResult, Cost, Floor, MetricInfo, Point, Row

METRIC = "generator/frechet@clip,n=512"


def cell(seed: int, **changes) -> CellResult:
    result = CellResult(
        suite="smoke",
        suite_digest="d" * 64,
        key=f"{seed:064x}",
        seed=seed,
        iterations=2,
        n=512,
        rows=(Row("joint", "real_prompts", "none"), Row("relabel", "real_prompts", "none", "joint")),
        trains=("captioner", "generator"),
        status="complete",
        metrics=tuple(Point(t, {METRIC: 2.0 + t, "captioner/bleu4@n=512": 0.7}) for t in range(3)),
        sets=(Point(1, {"set/bleu4@n=512": 0.5}),),
        floors={METRIC: Floor(0.37, 0.02, 20, 0.04)},
        info={METRIC: MetricInfo("down", True, "p")},
        cost=Cost(10, 0, 1024, 200, 1.0, 1.0),
        created="2030-01-01T00:00:00+00:00",
    )
    return dataclasses.replace(result, **changes)


@pytest.mark.parametrize("name", [METRIC, "a b", "a at b", "x(1) [2] {3} 50%", "é=ü, @@", "cost/x", "n= ,"])
def test_names_are_readable_and_reversible(name: str):
    mapped = tracking.mlflow_name(name)
    assert tracking.original_name(mapped) == name
    assert all(c.isascii() and (c.isalnum() or c in "_.-/ ") for c in mapped)
    assert tracking.mlflow_name(METRIC) == "generator/frechet at clip and n is 512"


def test_import_does_not_pull_mlflow():
    code = "import sys, benchmarks.reporting.tracking; sys.exit('mlflow' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_environment_names_the_store(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:1")
    assert tracking.store_uri(tmp_path) == "http://localhost:1"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert tracking.store_uri(tmp_path) == f"sqlite:///{tmp_path.resolve()}/mlflow.db"


class Store:
    """A mirror in a temporary folder, counted through SQL and not through the code under test."""

    def __init__(self, runs: Path):
        self.runs = runs
        self.picture = runs / "grid.png"
        runs.mkdir(exist_ok=True)
        self.picture.write_bytes(b"png")
        self.page = runs / "report.html"
        self.page.write_text("<!doctype html>")

    def mirror(self, *results: CellResult) -> tuple[int, int, int]:
        done = tracking.mirror(
            results, lambda _: [self.picture], "smoke", "d" * 64, "suite: smoke\n", self.runs, pages=[self.page]
        )  # fmt: skip
        return done.created, done.replaced, done.kept

    def sql(self, query: str) -> list[tuple]:
        with sqlite3.connect(self.runs / "mlflow.db") as connection:
            return connection.execute(query).fetchall()

    def counts(self) -> tuple[int, int]:
        alive = "select run_uuid from runs where lifecycle_stage = 'active'"
        runs = self.sql(f"select count(*) from ({alive})")[0][0]
        return runs, self.sql(f"select count(*) from metrics where run_uuid in ({alive})")[0][0]

    def statuses(self) -> dict[str, str]:
        query = "select name, status from runs where lifecycle_stage = 'active'"
        return {name.partition(" ")[2] or name: status for name, status in self.sql(query)}


def test_mirror_life(tmp_path: Path, monkeypatch):
    """One long test, because a new database takes seconds."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = Store(tmp_path / "runs")
    failed = cell(1, status="failed", error=CellError("fit", 2, "loss is NaN"), metrics=cell(1).metrics[:2])
    per_cell = 3 * 2 + 1 + 1 + 6

    assert store.mirror(cell(0), failed) == (2, 0, 0)
    first = store.counts()
    assert first == (3, per_cell + per_cell - 2)
    assert store.statuses() == {"smoke": "FINISHED", "seed 0": "FINISHED", "seed 1": "FAILED"}

    assert store.mirror(cell(0), failed) == (0, 0, 2)  # a second mirror changes nothing
    assert store.counts() == first

    assert store.mirror(cell(0), cell(1)) == (0, 1, 1)  # a changed file replaces its run
    assert store.counts() == (3, 2 * per_cell)
    assert store.statuses()["seed 1"] == "FINISHED"

    with sqlite3.connect(store.runs / "mlflow.db") as connection:  # a killed mirror leaves RUNNING behind
        connection.execute("update runs set status = 'RUNNING' where name like '%seed 0' or name = 'smoke'")
    assert store.mirror(cell(0), cell(1)) == (0, 1, 1)
    assert store.counts() == (3, 2 * per_cell)
    assert set(store.statuses().values()) == {"FINISHED"}

    names = {name for (name,) in store.sql("select distinct key from metrics")}
    assert {METRIC, "set/bleu4@n=512", "cost/training_steps"} <= {tracking.original_name(n) for n in names}
    steps = store.sql("select distinct step from metrics where key like 'generator/%' order by step")
    assert steps == [(0,), (1,), (2,)]
    attached = sorted(p.name for p in (store.runs / "mlartifacts").rglob("*") if p.is_file())
    assert attached.count("suite.yaml") == 1
    assert attached.count("report.html") == 1
    assert {"suite.yaml", "grid.png", "result.json", "report.html"} == set(attached)

"""Running plans: only what is missing, failures stay where they belong, worker processes change nothing."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from benchmarks.commands import main as cli
from benchmarks.planning.plan import Plan
from benchmarks.running.execute import Reporter, execute
from benchmarks.running.executors import InProcessExecutor, LocalExecutor
from benchmarks.storage.store import LocalStore
from lightning_modules.settings import Execution
from tests.engine.conftest import run_in_memory
from tests.memory_store import MemoryStore

Planner = Callable[..., Plan]


def test_a_second_run_computes_nothing(planned: Planner, tmp_path: Path) -> None:
    plan = planned()
    results = tmp_path / "results"
    first, store = run_in_memory(plan, results)
    written = {f.name: f.stat().st_ino for f in results.glob("*.json")}
    second, _ = run_in_memory(plan, results, store)
    assert {f.name: f.stat().st_ino for f in results.glob("*.json")} == written, "files are left as they are"
    assert first.computed == len(plan.steps)
    assert second.computed == 0
    assert {k: r.stable_json() for k, r in first.results.items()} == {
        k: r.stable_json() for k, r in second.results.items()
    }


def test_an_artifact_nobody_needs_is_not_made_again(planned: Planner, tmp_path: Path) -> None:
    plan = planned()
    _, store = run_in_memory(plan, tmp_path / "results")
    samples = [k for k, s in plan.steps.items() if s.kind == "sample"]
    measured = [k for k, s in plan.steps.items() if s.kind == "metrics" and "sample" in s.inputs]
    for key in [*samples, measured[0]]:
        del store._values[key]
    again, _ = run_in_memory(plan, tmp_path / "results", store)
    assert again.computed == 2, "the metric, and the one sample that it reads"


def test_results_say_how_it_was_gone_about(planned: Planner, tmp_path: Path) -> None:
    plan = planned(execution={"generator": {"micro_batch": 2, "compile": True, "devices": 1}})
    executor = InProcessExecutor(plan.suite.execution)
    outcome = execute(plan, MemoryStore(), executor, tmp_path)
    for result in outcome.results.values():
        said = json.loads(result.to_json())["execution"]
        assert said["device"]
        assert said["captioner"] == asdict(Execution())
        assert said["generator"] == asdict(Execution(micro_batch=2, compile=True))


def test_shards_do_not_change_samples(planned: Planner, tmp_path: Path) -> None:
    joint = [{"file": "joint_finetune", "variants": ["closed"]}]
    curves, pools = [], []
    for shard in (512, 5):
        plan = planned(scenarios=joint, shard=shard, seeds=[0])
        outcome, store = run_in_memory(plan, tmp_path / str(shard))
        curves.append([p.values for r in outcome.results.values() for p in r.metrics])
        cell = next(iter(plan.cells.values()))
        pools.append([store.get(k) for k in cell.needs if plan.steps[k].kind == "curate"])
    assert curves[0] == curves[1]
    for whole, parts in zip(*pools, strict=True):
        assert np.array_equal(whole.images, parts.images)
        assert whole.captions == parts.captions


FAILING = '''
from benchmarks.methods.hooks import Mitigation
from lightning_modules.fitting.contracts import NonFiniteLoss


class Diverging(Mitigation):
    """Lose the loss in iteration 2."""

    reads = {"curate": ("new",)}

    def curate(self, ctx):
        if ctx.iteration == 2:
            raise NonFiniteLoss(7)
        return ctx.new
'''


def test_a_diverging_cell_fails_alone(
    suite: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "diverging.py").write_text(FAILING)
    runs = tmp_path / "runs"
    arguments = ["run", str(suite()), "--runs", str(runs), "--workers", "0", "--no-mirror"]
    assert cli.main([*arguments, "--method", f"{tmp_path / 'diverging.py'}:Diverging"]) == 1
    printed = capsys.readouterr()
    results = [json.loads(f.read_text()) for f in (runs / "small" / "results").iterdir()]
    failed = [r for r in results if r["status"] == "failed"]
    assert len(failed) == 2
    for result in failed:
        assert result["rows"][0]["mitigation"] == "Diverging"
        assert (result["error"]["step"], result["error"]["iteration"]) == ("curate", 2)
        assert "NaN or infinite" in result["error"]["message"]
        assert [p["iteration"] for p in result["metrics"]] == [0, 1]
    assert sum(r["status"] == "complete" for r in results) == 4
    assert "Diverging/seed=0 and 1 other: curate in iteration 2" in printed.err
    assert "failed" in printed.out
    assert (runs / "small" / "leaderboard.md").is_file()
    assert cli.main(arguments) == 0  # the suite's own rows are all there


def test_workers_give_the_same_bytes(planned: Planner, tmp_path: Path) -> None:
    plan = planned(scenarios=[{"file": "joint_finetune", "variants": ["closed"]}])
    memory, _ = run_in_memory(plan, tmp_path / "memory")
    store = LocalStore(tmp_path / "store")
    workers = execute(plan, store, LocalExecutor(store.root, 2), tmp_path / "workers")
    assert {k: r.stable_json() for k, r in memory.results.items()} == {
        k: r.stable_json() for k, r in workers.results.items()
    }


KILLING = '''
import os
import signal
from pathlib import Path

from benchmarks.methods.hooks import Mitigation


class Killing(Mitigation):
    """Kill the worker a few times."""

    reads = {{"curate": ("new",)}}

    def curate(self, ctx):
        marks = Path({marks!r})
        if len(list(marks.iterdir())) < {times}:
            (marks / str(len(list(marks.iterdir())))).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return ctx.new
'''


@pytest.mark.parametrize(("times", "status"), [pytest.param(1, "complete", marks=pytest.mark.slow), (2, "failed")])
def test_a_killed_worker_is_replaced_once(times: int, status: str, planned: Planner, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    file = tmp_path / f"killing_{times}.py"
    file.write_text(KILLING.format(marks=str(marks), times=times))
    plan = planned(methods=(f"{file}:Killing",), mitigations=["none"], seeds=[0], iterations=1)
    store = LocalStore(tmp_path / "store")
    outcome = execute(plan, store, LocalExecutor(store.root, 1), tmp_path / "results")
    by_row = {r.mitigation: outcome.results[r.keys[0]] for r in plan.rows}
    assert by_row["Killing"].status == status
    assert by_row["none"].status == "complete"
    if status == "failed":
        assert "died" in by_row["Killing"].error.message


@pytest.mark.parametrize(("number", "ends"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)])
def test_a_full_disk_fails_the_step_and_nothing_more_is_begun(
    number: int, ends: bool, planned: Planner, tmp_path: Path
) -> None:
    class Full(MemoryStore):
        tried = 0

        def put(self, record, value) -> None:
            if record.kind == "fit":
                self.tried += 1
                raise OSError(number, os.strerror(number))
            super().put(record, value)

    notes: list[str] = []

    class Noting(Reporter):
        def note(self, text: str) -> None:
            notes.append(text)

    store = Full()
    plan = planned(seeds=[0])
    outcome = execute(plan, store, InProcessExecutor(), tmp_path / "results", reporter=Noting())
    statuses = {result.status for result in outcome.results.values()}
    assert (store.tried == 1) is ends
    assert statuses == ({"failed", "incomplete"} if ends else {"failed"})
    assert any("nothing more is begun" in note for note in notes) is ends
    for result in outcome.failed:
        assert os.strerror(number) in result.error.message
        assert [p.iteration for p in result.metrics] == [0]

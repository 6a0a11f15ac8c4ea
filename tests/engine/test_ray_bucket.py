"""Nodes of a Ray cluster that share a bucket and no folder."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running import ray_process
from benchmarks.running.execute import Outcome, Reporter
from benchmarks.running.ray_executor import RayExecutor
from benchmarks.running.ray_members import unlike
from benchmarks.running.ray_process import Process, Setup
from benchmarks.running.study import run_study
from benchmarks.storage import bucket_turns
from benchmarks.storage.bucket import open_bucket
from benchmarks.storage.store import LocalStore
from benchmarks.study.suite import Executions
from records.errors import UsageError
from tests.engine.conftest import write_suite
from tests.engine.test_retention import POOLS
from tests.ray_nodes import Loses, cluster, on_this_machine, stable

__all__ = ["cluster"]
pytest.importorskip("ray", reason="needs the extra: pip install 'mmcollapse[ray]', or make test-ray")
pytestmark = [pytest.mark.ray, pytest.mark.slow]

LEAN = {"pools": False, "models": False}


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every process a folder of its own, as nodes have that share none."""
    plain, numbers = Setup.__init__, count()

    def own(self: Setup, root: Path, *rest: Any) -> None:
        plain(self, root.parents[1] / f"node-{next(numbers)}", *rest)

    monkeypatch.setattr(Setup, "__init__", own)
    monkeypatch.setattr(bucket_turns, "LOOK", 0.2)


def on_ray(plan: Plan, folder: Path, cluster: Any, reporter: Reporter | None = None) -> Outcome:
    bucket, root = f"file://{folder / 'bucket'}", LocalStore(folder / "runs" / "store").root
    with RayExecutor(root, cluster.address, execution=plan.suite.execution, bucket=bucket) as executor:
        return run_study(
            plan, folder / "runs", executor=executor, bucket=bucket, reporter=reporter, mirror=False
        )  # fmt: skip


def kinds(plan: Plan, store: Path) -> list[str]:
    return [plan.steps[key].kind for key in LocalStore.listing(store) if key in plan.steps]


@pytest.mark.parametrize("retain", [{}, LEAN])
def test_nodes_without_a_shared_folder_give_the_results_of_one_machine(
    retain: dict[str, bool], cluster: Any, apart: None, tmp_path: Path
) -> None:
    plan = make_plan(str(write_suite(tmp_path, retain=retain, seeds=[0, 1], scenarios=[{"file": "joint_finetune"}])))
    outcome = on_ray(plan, tmp_path, cluster)
    assert not outcome.failed
    assert outcome.computed == len(plan.steps)
    assert stable(outcome) == stable(on_this_machine(plan, tmp_path / "here"))
    nodes = sorted(tmp_path.glob("node-*"))
    assert len(nodes) == 2
    assert all(kinds(plan, node) for node in nodes), "both worked"
    assert not POOLS & set(kinds(plan, tmp_path / "runs" / "store")), "the driver reads numbers and pictures alone"
    done = {path.stem for path in (tmp_path / "bucket" / "artifacts").rglob("*.json")}
    assert done == set(plan.steps)
    assert not (tmp_path / "bucket" / "leases" / "tmp").exists() or not list((tmp_path / "bucket/leases/tmp").iterdir())
    if retain:
        made = sum(step.kind in POOLS for step in plan.steps.values())
        assert sum(kind in POOLS for node in nodes for kind in kinds(plan, node)) < made / 2, (
            "nodes let go of them, too"
        )


def test_a_node_is_lost_with_its_folder(cluster: Any, apart: None, tmp_path: Path) -> None:
    plan = make_plan("analytic", ("--seeds", "[0]", "--iterations", "4"), ())
    reporter = Loses(cluster, after=len(plan.steps) // 3)
    outcome = on_ray(plan, tmp_path, cluster, reporter)
    assert not outcome.failed
    assert stable(outcome) == stable(on_this_machine(plan, tmp_path / "here"))


def test_a_node_that_does_not_reach_the_bucket_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_process.worker, "prepare", lambda *_: None)
    monkeypatch.setattr(ray_process.os, "chdir", lambda folder: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    address, root = f"file://{tmp_path / 'bucket'}", tmp_path / "store"
    open_bucket(address).write("leases/tmp/probe-1", b"probe-1")

    def problem(bucket: str, probe: str = "probe-1", where: Path = root) -> str:
        return unlike(Process(Setup(where, probe, [], "", Executions(), False, 1, bucket), None).hello(), where, bucket)

    assert problem(address) == ""
    assert f"does not find in the bucket {address} what" in problem(address, "probe-2")
    assert "does not find in the bucket" in problem(f"file://{tmp_path / 'other'}")
    assert "--bucket s4://***@name: cannot be opened (ValueError: Protocol not known: s4)" in problem("s4://a:b@name")
    (tmp_path / "file").touch()
    assert "cannot be written" in problem(address, where=tmp_path / "file" / "store")


def test_a_run_whose_nodes_do_not_reach_the_bucket_computes_nothing(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(str(write_suite(tmp_path, mitigations=["none"], seeds=[0], iterations=1)))
    plain = Setup.__init__
    monkeypatch.setattr(Setup, "__init__", lambda self, *words: plain(self, *words[:-1], f"file://{tmp_path}/nowhere"))
    with pytest.raises(UsageError, match="does not find in the bucket"):
        on_ray(plan, tmp_path, cluster)
    assert not LocalStore.listing(tmp_path / "runs" / "store")

"""Steps in processes of a Ray cluster: the same results as on one machine, whatever dies meanwhile.

Both nodes are on this machine and listen to it alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands import main as cli
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running import ray_process
from benchmarks.running.execute import Outcome, Reporter, execute
from benchmarks.running.ray_executor import RayExecutor
from benchmarks.running.ray_members import unlike
from benchmarks.running.ray_process import Hello, Process, Setup, here
from benchmarks.steps import Step
from benchmarks.storage.store import LocalStore, Record
from benchmarks.study.loading import ROOT
from benchmarks.study.suite import Executions
from records.errors import UsageError
from records.results import read_results
from tests.engine.conftest import write_suite
from tests.engine.test_execute import KILLING
from tests.engine.test_stopping import stuck
from tests.ray_nodes import Loses, cluster, on_this_machine, stable

pytest.importorskip("ray", reason="needs the extra: pip install 'mmcollapse[ray]', or make test-ray")
pytestmark = [pytest.mark.ray, pytest.mark.slow]
__all__ = ["cluster"]

#: Far beyond what anything here takes.
DEADLINE = 900.0


def on_ray(plan: Plan, folder: Path, cluster: Any, reporter: Reporter | None = None, workers: int = 2) -> Outcome:
    store = LocalStore(folder / "store")
    with RayExecutor(store.root, cluster.address, execution=plan.suite.execution) as executor:
        assert executor.workers == workers
        outcome = execute(plan, store, executor, folder / "results", reporter=reporter)
    assert not list((store.root / "tmp").glob("probe*"))
    return outcome


def test_a_node_is_lost_and_the_results_are_those_of_one_machine(cluster: Any, tmp_path: Path) -> None:
    plan = make_plan("analytic", ("--seeds", "[0,1]", "--iterations", "6"), ())
    reporter = Loses(cluster, after=len(plan.steps) // 3)
    outcome = on_ray(plan, tmp_path / "ray", cluster, reporter)
    assert reporter.ended >= len(plan.steps)
    assert not outcome.failed
    assert outcome.computed == len(plan.steps)
    assert stable(outcome) == stable(on_this_machine(plan, tmp_path / "here"))


class Replaces(Loses):
    """Kills the only node that has a processor, and has another one join."""

    def step(self, step: Step, record: Record | None, message: str) -> None:
        super().step(step, record, message)
        if self.ended == self.after:
            self.cluster.add_node(num_cpus=2)


def test_a_node_that_joins_takes_over(planned: Callable[..., Plan], tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    plan = planned()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        reporter = Replaces(cluster, after=len(plan.steps) // 3)
        outcome = on_ray(plan, tmp_path / "ray", cluster, reporter, workers=1)
    finally:
        cluster.shutdown()
    assert reporter.ended >= len(plan.steps)
    assert outcome.computed == len(plan.steps)
    assert stable(outcome) == stable(on_this_machine(plan, tmp_path / "here"))


def test_trained_models_give_the_bytes_that_they_give_on_one_machine(cluster: Any, tmp_path: Path) -> None:
    small = (
        "--iterations", "1", "--n", "16", "--evaluate.n", "32", "--shard", "16", "--scenarios",
        "[{file: single_model_captioner}]",
    )  # fmt: skip
    plan = make_plan("smoke", small, ())
    reporter = Loses(cluster, after=len(plan.steps) // 2)
    outcome = on_ray(plan, tmp_path / "ray", cluster, reporter)
    assert not outcome.failed
    assert stable(outcome) == stable(on_this_machine(plan, tmp_path / "here"))


@pytest.mark.parametrize(("times", "status"), [(2, "complete"), (3, "failed")])
def test_a_step_may_lose_its_process_twice(
    times: int, status: str, cluster: Any, planned: Callable[..., Plan], tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    file = tmp_path / f"killing_ray_{times}.py"
    file.write_text(KILLING.format(marks=str(marks), times=times))
    plan = planned(methods=(f"{file}:Killing",), mitigations=["none"], seeds=[0], iterations=1)
    outcome = on_ray(plan, tmp_path, cluster)
    by_row = {r.mitigation: outcome.results[r.keys[0]] for r in plan.rows}
    assert by_row["none"].status == "complete"
    assert by_row["Killing"].status == status
    if status == "failed":
        assert "its process died 3 times" in by_row["Killing"].error.message


FAILING = '''
from pathlib import Path

from benchmarks.methods.hooks import Mitigation


class Failing(Mitigation):
    """Count its calls and raise."""

    reads = {{"curate": ("new",)}}

    def curate(self, ctx):
        with open({log!r}, "a") as stream:
            stream.write("asked\\n")
        raise ValueError("no such thing")
'''


def test_an_error_in_a_step_is_tried_once(cluster: Any, planned: Callable[..., Plan], tmp_path: Path) -> None:
    file = tmp_path / "failing_ray.py"
    file.write_text(FAILING.format(log=str(tmp_path / "log")))
    plan = planned(methods=(f"{file}:Failing",), mitigations=["none"], seeds=[0], iterations=1)
    outcome = on_ray(plan, tmp_path, cluster)
    (failed,) = outcome.failed
    assert failed.error is not None
    assert failed.error.message == "ValueError: no such thing (failing_ray.py, line 15, in curate)"
    assert (tmp_path / "log").read_text() == "asked\n"


HANGING = '''
import os
import time
from pathlib import Path

from benchmarks.methods.hooks import Mitigation


class Hanging(Mitigation):
    """Say who it is, and hang."""

    reads = {{"curate": ("new",)}}

    def curate(self, ctx):
        Path({mark!r}).write_text(str(os.getpid()))
        time.sleep(10000)
'''


def test_processes_end_with_their_driver(cluster: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "hanging.py").write_text(HANGING.format(mark=str(mark)))
    suite = write_suite(tmp_path, mitigations=["none"], seeds=[0], iterations=1)
    words = ["run", str(suite), "--method", f"{tmp_path / 'hanging.py'}:Hanging", "--runs", str(tmp_path / "runs")]
    words += ["--no-mirror", "--executor", "ray", "--address", cluster.address]
    with subprocess.Popen([sys.executable, "-m", "benchmarks", *words], cwd=ROOT, stderr=subprocess.PIPE) as driver:
        try:
            until(lambda: (mark.exists() and mark.read_text() != "") or driver.poll() is not None, "it hangs")
            assert driver.poll() is None, driver.stderr and driver.stderr.read()
            pid = int(mark.read_text())
            driver.send_signal(signal.SIGKILL)
            driver.wait()
        finally:
            driver.kill()
    until(lambda: not running(pid), "its process has ended")


def running(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_a_cluster_of_this_machine_alone_is_a_command(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, mitigations=["none"], seeds=[0], iterations=1)
    words = ["run", str(suite), "--runs", str(tmp_path / "runs"), "--no-mirror"]
    words += ["--executor", "ray", "--address", "local", "--workers", "1"]
    home = {"HOME": str(tmp_path), "RAY_AUTH_MODE": "token"}
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=ROOT, env=os.environ | home, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    expected = stable(on_this_machine(make_plan(str(suite)), tmp_path / "here"))
    assert {k: r.stable_json() for k, r in read_results(tmp_path / "runs" / "small" / "results").items()} == expected
    assert "cell 1/1" in run.stderr
    assert all(line.startswith(("start ", "cell ", "end ")) for line in run.stderr.splitlines()), run.stderr


def test_what_cannot_be_reached_is_said_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = str(write_suite(tmp_path, mitigations=["none"]))
    for words, said in (
        (["--executor", "ray", "--address", "127.0.0.1:9"], "--address 127.0.0.1:9: nothing answers there"),
        (["--executor", "ray", "--address", "nowhere"], "allowed: local, auto, or host:port of a cluster's head"),
        (["--executor", "ray", "--workers", "0"], "allowed with --executor ray: 1 or more"),
        (["--address", "auto"], "allowed: with --executor ray alone"),
        (["--executor", "ray", "--execution.generator.devices", "2", "--fit.generator.batch_size", "2"],
         "allowed with --executor ray: 1"),
    ):  # fmt: skip
        assert cli.main(["run", suite, "--runs", str(tmp_path / "runs"), "--no-mirror", *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line


def test_a_node_without_the_store_or_with_other_code_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_process.worker, "prepare", lambda *_: None)
    monkeypatch.setattr(ray_process.os, "chdir", lambda folder: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    root = LocalStore(tmp_path / "store").root
    (root / "tmp" / "probe-1").write_text("probe-1")

    def hello(where: Path, probe: str = "probe-1") -> Hello:
        return Process(Setup(where, probe, [], "", Executions(), False, 1), None).hello()

    assert unlike(hello(root), root) == ""
    for other in (hello(tmp_path / "nowhere"), hello(root, "probe-2")):
        assert f"does not see the store at {root}" in unlike(other, root)
    mine = here("far")
    assert "far has torch 0.1, and this machine" in unlike(
        Hello("far", True, {**mine.versions, "torch": "0.1"}, mine.commit), root
    )
    assert "far has the code of abc" in unlike(Hello("far", True, mine.versions, "abc"), root)


def test_a_run_on_a_store_that_nodes_do_not_see_computes_nothing(
    cluster: Any, planned: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, store = planned(mitigations=["none"], seeds=[0], iterations=1), LocalStore(tmp_path / "store")
    plain = Setup.__init__
    monkeypatch.setattr(Setup, "__init__", lambda self, root, *rest: plain(self, root / "elsewhere", *rest))
    with RayExecutor(store.root, cluster.address) as executor, pytest.raises(UsageError, match="does not see the sto"):
        execute(plan, store, executor, tmp_path / "results")
    assert not store.done()
    assert list((store.root / "tmp").iterdir()) == []


def test_a_step_that_takes_too_long_is_ended_and_named(cluster: Any, tmp_path: Path) -> None:
    method, mark = stuck(tmp_path)
    file = write_suite(
        tmp_path, mitigations=["none"], seeds=[0], iterations=1, execution={"time_limit": {"curate": 1.0}}
    )
    plan = make_plan(str(file), (), (method,))
    outcome = on_ray(plan, tmp_path, cluster)
    by_row = {row.mitigation: outcome.results[row.keys[0]] for row in plan.rows}
    assert mark.exists()
    assert by_row["none"].status == "complete"
    assert by_row["Stuck"].error is not None
    assert by_row["Stuck"].error.message == "took longer than the 1 s of execution.time_limit, and was ended"

"""Two runs on one store: the union of their work is done once, with the same results, also where one is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running.execute import Reporter, execute
from benchmarks.running.executors import InProcessExecutor
from benchmarks.running.study import run_study
from benchmarks.steps import Step
from benchmarks.storage.store import LocalStore
from benchmarks.storage.turns import Turns
from benchmarks.study.loading import ROOT
from records.results import read_results
from tests.engine.conftest import write_suite

#: Far beyond what anything here takes; what is waited for is asked for again and again.
DEADLINE = 900.0
LEAN = {"pools": False, "models": False, "samples": False}

METHOD = '''
import os
import time
from pathlib import Path

from benchmarks.methods.hooks import Mitigation


class Meeting(Mitigation):
    """Wait in the first set until the other run is in one, too; or for ever, where that is asked for."""

    reads = {"curate": ("new",)}

    def curate(self, ctx):
        marks, name = Path(os.environ["MARKS"]), os.environ["RUN"]
        (marks / name).touch()
        until = time.monotonic() + 600
        while (len(list(marks.iterdir())) < 2 or "HANGS" in os.environ) and time.monotonic() < until:
            time.sleep(0.02)
        return ctx.new
'''
DRIVER = """
import sys
from pathlib import Path
from benchmarks.planning.planner import make_plan
from benchmarks.reporting.reporter import Lines
from benchmarks.running.study import run_study

suite, method, runs, workers = sys.argv[1:]
outcome = run_study(make_plan(suite, (), (method,)), Path(runs), workers=int(workers), mirror=False, reporter=Lines())
print(outcome.computed, len(outcome.failed))
"""


class Two:
    """A suite whose method has two runs meet."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder, self.runs = folder, folder / "runs"
        (folder / "marks").mkdir()
        (folder / "meeting.py").write_text(METHOD)
        self.method = f"{folder / 'meeting.py'}:Meeting"
        self.suite = str(write_suite(folder, mitigations=["none"], **changes))
        self.plan = make_plan(self.suite, (), (self.method,))

    def expected(self) -> dict[str, str]:
        """Return what one run alone says."""
        os.environ |= {"MARKS": str(self.folder / "marks"), "RUN": "alone"}
        (self.folder / "marks" / "other").touch()
        outcome = execute(self.plan, LocalStore(self.folder / "alone"), InProcessExecutor(), self.folder / "results")
        for name in ("MARKS", "RUN"):
            del os.environ[name]
        return {k: r.stable_json() for k, r in outcome.results.items()}

    def found(self) -> dict[str, str]:
        return {k: r.stable_json() for k, r in read_results(self.plan.results(self.runs)).items()}

    @contextmanager
    def driver(self, name: str, workers: int = 0, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Start a run; it is killed where the test ends before it."""
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, self.suite, self.method, str(self.runs), str(workers)],
            cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=(self.folder / f"{name}.log").open("w"),
            env=os.environ | {"MARKS": str(self.folder / "marks"), "RUN": name, "OMP_NUM_THREADS": "1"} | environment,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def answer(process: subprocess.Popen[str], log: Callable[[], str]) -> list[int]:
    """Return what a run prints at its end: steps that it computed, cells that failed."""
    out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, log()
    return [int(word) for word in out.split()]


@pytest.mark.slow
@pytest.mark.parametrize(("retain", "workers"), [({}, 0), (LEAN, 2)])
def test_the_union_of_work_is_done_once(retain: dict[str, bool], workers: int, tmp_path: Path) -> None:
    # Three sets to wait in, of which one run has at most two.
    two = Two(tmp_path, retain=retain, scenarios=[{"file": "joint_finetune", "variants": ["closed"]}], seeds=[0, 1, 2])
    with two.driver("one", workers) as one, two.driver("two", workers) as other:
        ends = [answer(process, lambda name=name: two.said(name)) for name, process in (("one", one), ("two", other))]
    assert [failed for _, failed in ends] == [0, 0]
    assert all(computed for computed, _ in ends), "both did some of it"
    assert sum(computed for computed, _ in ends) == len(two.plan.steps), "none of it twice"
    assert two.found() == two.expected()
    store = two.runs / "store"
    assert LocalStore.listing(store) | LocalStore.listing(store, "dropped.json") == set(two.plan.steps)
    if retain:
        dropped = {k for k, s in two.plan.steps.items() if not s.kept(two.plan.suite.retain)}
        assert LocalStore.listing(store, "dropped.json") == dropped, "what need not be kept went"
    assert not list(store.rglob("*.turn*"))
    assert not list((store / "running").iterdir())
    assert not list((store / "tmp").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("retain", [{}, LEAN])
def test_one_is_killed_halfway_and_the_other_finishes(retain: dict[str, bool], tmp_path: Path) -> None:
    two = Two(tmp_path, retain=retain)
    with two.driver("hangs", HANGS="1") as hangs:
        until(lambda: (tmp_path / "marks" / "hangs").exists() or hangs.poll() is not None, "it is in a step")
        with two.driver("other") as other:
            until(lambda: "waits for another run: 1 step" in two.said("other") or other.poll() is not None, "it waits")
            assert other.poll() is None, two.said("other")
            assert two.found() != {}, "what does not need that step is done"
            hangs.send_signal(signal.SIGKILL)
            hangs.wait()
            computed, failed = answer(other, lambda: two.said("other"))
    assert failed == 0
    assert 0 < computed < len(two.plan.steps)
    assert two.found() == two.expected()
    assert not list((two.runs / "store").rglob("*.turn*")), "those of the dead went with their successors"


class Noting(Reporter):
    """Keeps what is said beside the steps."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


class Careless(LocalStore):
    """Another run lets go of a set just before this one reads it, once."""

    def __init__(self, root: Path, plan: Plan) -> None:
        super().__init__(root)
        self.sets = [k for k, s in plan.steps.items() if s.kind == "curate"]

    def get(self, key: str) -> Any:
        if key in self.sets[:1]:
            self.sets.pop(0)
            self.drop(key)
        return super().get(key)

    fresh = get


def test_what_another_run_let_go_of_is_made_again(planned: Callable[..., Plan], tmp_path: Path) -> None:
    plan = planned()
    whole = execute(plan, LocalStore(tmp_path / "whole"), InProcessExecutor(), tmp_path / "expected")
    store, reporter = Careless(tmp_path / "store", plan), Noting()
    with Turns(store.root, "w") as turns, Turns(store.root, "w"):
        store.turns = turns
        outcome = execute(plan, store, InProcessExecutor(), tmp_path / "results", reporter=reporter)
    assert "another run has let go of what this one reads; it is made again" in reporter.notes
    assert not outcome.failed
    assert {k: r.stable_json() for k, r in outcome.results.items()} == {
        k: r.stable_json() for k, r in whole.results.items()
    }


def test_a_run_alone_says_what_it_cannot_read(planned: Callable[..., Plan], tmp_path: Path) -> None:
    plan = planned()
    store, reporter = Careless(tmp_path / "store", plan), Noting()
    outcome = execute(plan, store, InProcessExecutor(), tmp_path / "results", reporter=reporter)
    assert outcome.failed
    assert reporter.notes == []


def test_a_run_that_needs_other_artifacts_keeps_them_on_the_disk(planned: Callable[..., Plan], tmp_path: Path) -> None:
    plan = planned(retain=LEAN)
    store = LocalStore(tmp_path / "store")
    droppable = {k for k, s in plan.steps.items() if not s.kept(plan.suite.retain)}
    with Turns(store.root, "w") as turns:
        store.turns = turns
        with Turns(store.root, "other work"):
            execute(plan, store, InProcessExecutor(), tmp_path / "results")
            assert droppable <= store.done(), "nobody knows what the other reads"
    with Turns(store.root, "w") as store.turns:
        again = execute(plan, store, InProcessExecutor(), tmp_path / "results")
    assert again.computed == 0
    assert not droppable & store.done(), "and the next run lets go of it"


class Telling(InProcessExecutor):
    """Tells which kinds of steps it was given."""

    def run(self, steps: Sequence[Step], store: Any, listener: Any) -> None:
        self.kinds = {step.kind for step in steps}
        super().run(steps, store, listener)


def test_samples_are_shared_out_beside_another_run(planned: Callable[..., Plan], tmp_path: Path) -> None:
    plan = planned(shard=16, execution={side: {"generate_batch": 16} for side in ("captioner", "generator")})
    store, executor = LocalStore(tmp_path / "store"), Telling(plan.suite.execution)
    with Turns(store.root, "w") as turns, Turns(store.root, "w"):
        store.turns = turns
        outcome = execute(plan, store, executor, tmp_path / "results")
    assert "sample_part" in executor.kinds
    assert not outcome.failed
    assert outcome.computed == len(plan.steps)


def test_a_part_of_what_another_run_makes_whole_is_not_made(planned: Callable[..., Plan], tmp_path: Path) -> None:
    plan = planned(shard=16, execution={side: {"generate_batch": 16} for side in ("captioner", "generator")})
    whole = LocalStore(tmp_path / "whole")
    execute(plan, whole, InProcessExecutor(plan.suite.execution), tmp_path / "expected")
    samples = [k for k, s in plan.steps.items() if s.kind == "sample"]
    store = LocalStore(tmp_path / "store")
    with ExitStack() as stack:
        turns, other = (stack.enter_context(Turns(store.root, "w")) for _ in range(2))
        store.turns = turns
        assert other.take(samples[0])
        reporter = Noting()

        def note(text: str) -> None:  # it waits: now the other run is done
            reporter.notes.append(text)
            if "waits for another run" in text and not store.has(samples[0]):
                store.put(whole.record(samples[0]), whole.get(samples[0]))
                other.release(samples[0])

        reporter.note = note  # type: ignore[method-assign]
        outcome = execute(plan, store, InProcessExecutor(plan.suite.execution), tmp_path / "results", reporter=reporter)
    assert any("waits for another run" in text for text in reporter.notes)
    assert outcome.computed == len(plan.steps) - 1
    assert not outcome.failed
    parts = {json.loads(f.read_text())["kind"] for f in store.root.glob("*/*/dropped.json")}
    assert samples[0] in store.done()
    assert parts == {"sample_part"}


def test_a_folder_that_a_living_run_writes_is_not_swept(planned: Callable[..., Plan], tmp_path: Path) -> None:
    plan, runs = planned(), tmp_path / "runs"
    store = LocalStore(runs / "store")
    old = store.root / "tmp" / "being-written"
    old.mkdir()
    os.utime(old, (0, 0))
    with Turns(store.root, "w"):
        run_study(plan, runs, workers=0, mirror=False)
        assert old.is_dir()
    run_study(plan, runs, workers=0, mirror=False)
    assert not old.exists()

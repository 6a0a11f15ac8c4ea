"""Runs that share a bucket and no folder: the union of their work is done once, with the results of a run alone."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from benchmarks.commands.main import main
from benchmarks.planning.plan import Plan
from benchmarks.running import study
from benchmarks.running.execute import Outcome
from benchmarks.running.executors import InProcessExecutor
from benchmarks.running.study import run_study
from benchmarks.storage import bucket as buckets
from benchmarks.storage.store import LocalStore
from records.results import read_results
from tests.engine import test_two_runs
from tests.engine.conftest import run_in_memory, write_suite
from tests.engine.test_retention import METHODS, POOLS, Cut
from tests.engine.test_two_runs import Noting, Two, answer, until
from tests.object_store import World, register

ADDRESS = "objects://name/prefix"
LEAN = {"pools": False, "models": False}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(buckets, "PATIENCE", 0.0)
    return register()


def run(plan: Plan, runs: Path, executor: InProcessExecutor | None = None, notes: Noting | None = None) -> Outcome:
    """Run as the command does, on a machine whose folder that is."""
    return run_study(
        plan, runs, bucket=ADDRESS, executor=executor or InProcessExecutor(), reporter=notes, mirror=False
    )  # fmt: skip


def stable(outcome: Outcome) -> dict[str, str]:
    return {key: result.stable_json() for key, result in outcome.results.items()}


def alone(plan: Plan, folder: Path) -> dict[str, str]:
    return stable(run_in_memory(plan, folder / "alone")[0])


def kinds(plan: Plan, keys: set[str]) -> set[str]:
    return {plan.steps[key].kind for key in keys if key in plan.steps}


def there(world: World) -> set[str]:
    """Return the keys of the bucket."""
    return {Path(name).stem for name in world.objects if "/artifacts/" in name}


def test_a_machine_goes_on_where_others_stopped(planned: Callable[..., Plan], tmp_path: Path, world: World) -> None:
    """Each step is computed on one of three machines, whose folders are empty at first."""
    plan = planned(mitigations=METHODS)
    first = run(plan, tmp_path / "one", Cut(len(plan.steps) // 3))
    second = run(plan, tmp_path / "two", Cut(len(plan.steps) // 3))
    third = run(plan, tmp_path / "three")
    assert all(outcome.computed for outcome in (first, second, third))
    assert first.computed + second.computed + third.computed == len(plan.steps)
    assert not third.failed
    assert stable(third) == alone(plan, tmp_path)
    assert there(world) == set(plan.steps)
    assert not any("/leases/" in name or "/probes/" in name for name in world.objects)


def test_a_step_makes_seven_small_requests(planned: Callable[..., Plan], tmp_path: Path, world: World) -> None:
    """Beside its files and manifests, which are written by whoever runs it and read by whoever needs them."""
    plan = planned(mitigations=METHODS)
    world.fails = lambda what, path: leases.append(what) if "/leases/" in path else None
    leases = list[str]()
    run(plan, tmp_path / "one")
    steps, start = len(plan.steps), 8
    assert 0 <= len(leases) - 5 * steps <= start
    assert 0 <= world.asked["read"] - leases.count("read") - 2 * steps <= start


@pytest.mark.parametrize("retain", [{}, LEAN])
def test_on_an_empty_machine_nothing_is_computed_again(
    retain: dict[str, bool], planned: Callable[..., Plan], tmp_path: Path, world: World
) -> None:
    plan = planned(retain=retain, scenarios=[{"file": "joint_finetune"}])
    first = run(plan, tmp_path / "one")
    before = dict(world.objects)
    again = run(plan, tmp_path / "two")
    assert (first.computed, again.computed) == (len(plan.steps), 0)
    assert stable(again) == stable(first) == alone(plan, tmp_path)
    files = [read_results(plan.results(tmp_path / name)) for name in ("one", "two")]
    assert files[0].keys() == files[1].keys()
    assert world.objects == before
    assert run(plan, tmp_path / "one").computed == 0


def test_what_need_not_be_kept_stays_in_the_bucket_alone(
    planned: Callable[..., Plan], tmp_path: Path, world: World
) -> None:
    plan = planned(retain=LEAN)
    assert not run(plan, tmp_path / "one").failed
    here = LocalStore.listing(tmp_path / "one" / "store")
    assert not kinds(plan, here) & POOLS
    assert kinds(plan, there(world)) >= {"images", "curate", "fit"}
    # A method that comes later reads pools: they are fetched, and go again.
    more = planned(retain=LEAN, mitigations=METHODS)
    later = run(more, tmp_path / "one")
    assert later.computed == len(more.steps.keys() - plan.steps.keys()), "none of the former steps"
    assert not later.failed
    assert not kinds(more, LocalStore.listing(tmp_path / "one" / "store")) & POOLS
    assert stable(later) == alone(more, tmp_path)


def test_a_folder_of_before_is_uploaded(planned: Callable[..., Plan], tmp_path: Path, world: World) -> None:
    plan, notes = planned(), Noting()
    run_study(plan, tmp_path / "one", executor=InProcessExecutor(), mirror=False)
    assert run(plan, tmp_path / "one", notes=notes).computed == 0
    assert notes.notes == [f"uploads {len(plan.steps)} artifacts that the bucket lacks"]
    assert there(world) == set(plan.steps)
    assert run(plan, tmp_path / "two").computed == 0


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize("damage", [truncated, None])
@pytest.mark.parametrize("kind", ["fit", "curate", "metrics"])
def test_what_is_damaged_in_the_bucket_is_named_and_made_again_by_the_same_run(
    kind: str, damage: Any, planned: Callable[..., Plan], tmp_path: Path, world: World
) -> None:
    plan, notes = planned(seeds=[0]), Noting()
    broken = next(key for key, step in plan.steps.items() if step.kind == kind and step.iteration == 1)
    run(plan, tmp_path / "one", Cut(list(plan.steps).index(broken) + 1))  # what reads it has not run
    store = LocalStore(tmp_path / "one" / "store")
    assert store.has(broken)
    for digest in store._manifest(broken)["files"].values():
        name = f"name/prefix/blobs/{digest[:2]}/{digest}"
        world.objects.pop(name) if damage is None else world.objects.update({name: damage(world.objects[name])})
    outcome = run(plan, tmp_path / "two", notes=notes)
    assert not outcome.failed, outcome.failed
    assert stable(outcome) == alone(plan, tmp_path)
    assert any(f"artifact {broken[:16]}" in note and "it is made again" in note for note in notes.notes), notes.notes
    assert run(plan, tmp_path / "three").computed == 0


class Vanishing(InProcessExecutor):
    """The bucket is gone once so many steps are done."""

    def __init__(self, world: World, moment: int) -> None:
        super().__init__()
        self.world, self.moment = world, moment

    def run(self, steps: Sequence[Any], store: Any, listener: Any) -> None:
        super().run(steps[: self.moment], store, listener)
        self.world.gone()
        super().run(steps[self.moment :], store, listener)


@pytest.mark.parametrize("moment", [0, 3, 9])
def test_a_bucket_that_vanishes_loses_nothing(
    moment: int, tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    file = write_suite(tmp_path, seeds=[0])
    given = ["run", str(file), "--runs", str(tmp_path / "runs"), "--bucket", ADDRESS, "--workers", "0", "--no-mirror"]
    with monkeypatch.context() as patch:
        patch.setattr(study, "InProcessExecutor", lambda execution: Vanishing(world, moment))
        assert main(given) == 1
    lines = capsys.readouterr().err.splitlines()
    said = [line for line in lines if line.startswith("failed: ")]
    assert said
    assert all(
        f"bucket {ADDRESS} does not answer (ConnectionError: no route to host); what was" in line for line in said
    )
    assert not any("Traceback" in line for line in lines)
    kept = LocalStore.listing(tmp_path / "runs" / "store")
    assert len(kept) > moment, "what was made is here"
    world.back()
    assert main(given) == 0
    assert kept <= there(world)
    assert "that the bucket lacks" in capsys.readouterr().err
    from benchmarks.planning.planner import make_plan

    plan = make_plan(str(file))
    results = read_results(plan.results(tmp_path / "runs"))
    assert {key: result.stable_json() for key, result in results.items()} == alone(plan, tmp_path)
    assert run(plan, tmp_path / "other").computed == 0


def test_a_bucket_that_does_not_answer_is_said_before_anything_runs(tmp_path: Path, world: World, capsys: Any) -> None:
    file = write_suite(tmp_path, seeds=[0])
    given = ["run", str(file), "--runs", str(tmp_path / "runs"), "--workers", "0", "--no-mirror", "--bucket"]
    world.gone()
    for address, said in (
        (ADDRESS, f"--bucket {ADDRESS}: cannot be used (ConnectionError: no route to host); allowed: one that answers"),
        ("prefix", "--bucket: found 'prefix'; allowed: an address such as s3://name/prefix"),
    ):
        assert main([*given, address]) == 2
        (line,) = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note: ")]
        assert said in line
    assert not LocalStore.listing(tmp_path / "runs" / "store")


@pytest.mark.parametrize("exclusive", ["ignored", "refused"])
def test_without_exclusive_writes_it_is_said_and_works(
    exclusive: str, planned: Callable[..., Plan], tmp_path: Path, world: World
) -> None:
    register(exclusive)
    plan, notes = planned(seeds=[0]), Noting()
    outcome = run(plan, tmp_path / "one", notes=notes)
    assert notes.notes == [
        f"bucket {ADDRESS} cannot make an object for one of several runs: two may make the same step"
    ]
    assert stable(outcome) == alone(plan, tmp_path)


def test_the_folder_of_a_machine_may_go_at_any_time(planned: Callable[..., Plan], tmp_path: Path, world: World) -> None:
    plan = planned(seeds=[0])
    run(plan, tmp_path / "one")
    shutil.rmtree(tmp_path / "one" / "store")
    assert run(plan, tmp_path / "one").computed == 0


# Two processes, each with a folder of its own, on a bucket that lies in a folder; they look often, or a test would wait.

BUCKET = "file://{}"
DRIVER = """
from benchmarks.storage import bucket_turns
bucket_turns.LOOK = 0.2
""" + test_two_runs.DRIVER.replace(
    "suite, method, runs, workers = ", "suite, method, runs, workers, bucket = "
).replace("reporter=Lines()", "reporter=Lines(), bucket=bucket")


class Apart(Two):
    """Two runs that share a bucket and no folder."""

    @contextmanager
    def driver(self, name: str, workers: int = 0, **environment: str) -> Iterator[Popen[str]]:
        self.runs = self.folder / name
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(test_two_runs, "DRIVER", DRIVER)
            patch.setattr(test_two_runs.subprocess, "Popen", self.start)
            made = super().driver(name, workers, **environment)
            process = made.__enter__()
        try:
            yield process
        finally:
            made.__exit__(None, None, None)

    def start(self, words: list[str], **how: Any) -> Popen[str]:
        return Popen([*words, BUCKET.format(self.folder / "bucket")], **how)


@pytest.mark.slow
@pytest.mark.parametrize(("retain", "workers"), [({}, 0), (LEAN, 2)])
def test_two_machines_do_the_union_of_their_work_once(retain: dict[str, bool], workers: int, tmp_path: Path) -> None:
    two = Apart(
        tmp_path, retain=retain, scenarios=[{"file": "joint_finetune", "variants": ["closed"]}], seeds=[0, 1, 2]
    )
    names = ("one", "two")
    with ExitStack() as stack:
        drivers = [(name, stack.enter_context(two.driver(name, workers))) for name in names]
        ends = [answer(process, lambda name=name: two.said(name)) for name, process in drivers]
    assert [failed for _, failed in ends] == [0, 0]
    assert all(computed for computed, _ in ends), "both did some of it"
    assert sum(computed for computed, _ in ends) == len(two.plan.steps), "none of it twice"
    expected = two.expected()
    for name in names:
        two.runs = tmp_path / name
        assert two.found() == expected
        if retain:
            assert not kinds(two.plan, LocalStore.listing(two.runs / "store")) & POOLS
    left = [path for path in (tmp_path / "bucket").rglob("*") if path.is_file()]
    assert {path.stem for path in left if path.suffix == ".json"} == set(two.plan.steps)
    assert {path.relative_to(tmp_path / "bucket").parts[0] for path in left} == {"artifacts", "blobs"}


@pytest.mark.slow
def test_a_machine_that_is_killed_is_followed_by_another(tmp_path: Path) -> None:
    two = Apart(tmp_path)
    with two.driver("hangs", HANGS="1") as hangs:
        until(lambda: (tmp_path / "marks" / "hangs").exists() or hangs.poll() is not None, "it is in a step")
        with two.driver("other") as other:
            until(lambda: "waits for another run: 1 step" in two.said("other") or other.poll() is not None, "it waits")
            assert other.poll() is None, two.said("other")
            hangs.send_signal(signal.SIGKILL)
            hangs.wait()
            computed, failed = answer(other, lambda: two.said("other"))
    assert failed == 0
    assert 0 < computed < len(two.plan.steps)
    two.runs = tmp_path / "other"
    assert two.found() == two.expected()
    assert not [name for _, _, names in os.walk(tmp_path / "bucket" / "leases") for name in names]

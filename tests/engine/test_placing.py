"""Which step a process is given, without any process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands import main as cli
from benchmarks.planning.plan import Plan
from benchmarks.running import placing
from benchmarks.running.agenda import Agenda
from benchmarks.running.placing import BATCH, DEPTH, Hand, Placing, origin
from benchmarks.running.worker import Trouble
from benchmarks.steps import Step
from benchmarks.steps.measuring import Measuring
from benchmarks.storage.store import Record
from tests.engine.conftest import write_suite
from tests.engine.deaf import Deaf
from tests.memory_store import MemoryStore


@pytest.fixture
def plan(planned: Callable[..., Plan]) -> Plan:
    return planned(scenarios=[{"file": "diverse_ensemble", "variants": ["k3_live"]}], seeds=[0, 1, 2])


def agenda(plan: Plan, **how: Any) -> Agenda:
    return Agenda(list(plan.steps.values()), MemoryStore(), Deaf(), **how)


def settle(left: Agenda, step: Step) -> None:
    left.settle(step, Record(step.key, step.kind))


@pytest.mark.parametrize("hands", [1, 3, 16])
def test_every_step_is_done_once_after_its_inputs(plan: Plan, hands: int) -> None:
    left = agenda(plan)
    placed, crew, done = Placing(left), [Hand() for _ in range(hands)], dict[str, None]()
    while not left.over:
        for hand in crew:
            while batch := placed.batch(hand, hands):
                assert all(done.keys() >= set(step.parents) for step in batch)
                assert len(batch) == 1 or all(isinstance(step, Measuring) for step in batch)
                assert len(batch) <= BATCH
            assert len(hand.batches) <= DEPTH
        for hand in crew:
            for step in hand.batches.popleft() if hand.batches else ():
                hand.made.append(step.key)
                placed.learn(step, 0.01)
                settle(left, step)
                assert step.key not in done
                done[step.key] = None
    assert done.keys() == plan.steps.keys()


def test_a_process_is_given_what_its_base_serves(plan: Plan) -> None:
    """Three captioners, three generators: who has had one goes on with it while it can."""
    left = agenda(plan)
    placed = Placing(left)
    for step in [step for step in plan.steps.values() if step.kind == "base"]:
        left.schedule.begin(step.key)
        settle(left, step)
    for base in {placed.origin(step) for step in plan.steps.values()} - {""}:
        hand = Hand()
        hand.origins.append(base)
        ready = [left.schedule.steps[key] for key in left.schedule.open(placing.AMONG)]
        mine = [step for step in ready if placed.origin(step) == base]
        if mine:
            (given,) = placed.batch(hand, 100)
            assert given == mine[0], "the first of them, in the order of the cells"


def test_what_reads_what_a_process_made_is_preferred(plan: Plan) -> None:
    left = agenda(plan)
    placed = Placing(left)
    step = next(step for step in plan.steps.values() if step.kind == "curate")
    hand = Hand()
    assert placed.worth(hand, step) == 0
    hand.made.append(step.parents[0])
    assert placed.worth(hand, step) == 1


def test_the_base_of_a_model_is_found_through_its_fits(plan: Plan) -> None:
    for key, step in plan.steps.items():
        if step.network is not None:
            assert origin(step, plan.steps, {}) == plan.origins[key] or plan.origins[key] == ""


def test_what_measures_travels_together_where_it_is_short_and_there_is_enough_of_it(
    planned: Callable[..., Plan],
) -> None:
    plan = planned(seeds=list(range(8)), iterations=1)

    def placed(seconds: float) -> Placing:
        made = Placing(agenda(plan))
        for step in plan.steps.values():
            if isinstance(step, Measuring):
                made.learn(step, seconds)
            else:
                made.agenda.schedule.begin(step.key)
                settle(made.agenda, step)
        return made

    short = placed(0.01)
    count = short.agenda.schedule.ready
    assert count > 2 * BATCH
    assert len(short.batch(Hand(), 1)) == BATCH
    assert len(short.batch(Hand(), count)) == 1, "many processes: each has one"
    assert len(placed(60.0).batch(Hand(), 1)) == 1


def test_nothing_waits_behind_a_long_step(planned: Callable[..., Plan]) -> None:
    plan = planned(seeds=list(range(8)))
    for seconds, given in ((None, 1), (60.0, 1), (0.01, DEPTH)):
        placed, hand = Placing(agenda(plan)), Hand()
        for step in plan.steps.values() if seconds is not None else ():
            placed.learn(step, seconds)
        while placed.batch(hand, 1):
            pass
        assert len(hand.batches) == given, seconds


def test_a_lost_process_costs_a_step_one_of_its_lives(plan: Plan) -> None:
    left = agenda(plan, lives=3, apart=False)
    first = left.next()
    assert first is not None
    for _ in range(2):
        left.lost(first, "died")
        assert left.next() is first
    assert isinstance(left.listener, Deaf)
    assert left.listener.failures == []
    left.lost(first, "died")
    assert [(f.step, f.message) for f in left.listener.failures] == [(first, "died")]
    second = left.next()
    assert second is not None
    left.settle(second, Trouble("an error is tried once"))
    assert len(left.listener.failures) == 2


def test_without_the_extra_a_sentence_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        monkeypatch.setenv(name, "0")
    suite = str(write_suite(tmp_path, mitigations=["none"]))
    assert cli.main(["run", suite, "--runs", str(tmp_path / "runs"), "--no-mirror", "--executor", "ray"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "error: --executor ray needs the extra: pip install 'mmcollapse[ray]'"


def test_files_of_the_driver_do_not_need_ray() -> None:
    for module in ("ray_cluster", "ray_executor", "ray_members", "ray_process", "placing", "agenda", "schedule"):
        text = (Path(placing.__file__).parent / f"{module}.py").read_text()
        assert not any(line.startswith(("import ray", "from ray")) for line in text.splitlines()), module

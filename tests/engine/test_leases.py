"""Accelerators are leased to workers in groups of which no two overlap while both are in use."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from benchmarks.planning.plan import Plan
from benchmarks.running.execute import execute
from benchmarks.running.executors import LocalExecutor
from benchmarks.running.leases import Leases, require_devices
from benchmarks.storage.store import LocalStore
from benchmarks.study.suite import Executions
from lightning_modules.settings import Execution
from records.errors import UsageError
from tests.engine.conftest import ARGUMENTS, TESTBED, write_suite

NAMES = ("GPU-a", "GPU-b", "GPU-c", "GPU-d")


def leases(devices: Any, names: tuple[str, ...] = NAMES) -> Leases:
    return Leases(names, Executions(generator=Execution(devices=devices)))


@pytest.mark.parametrize(("devices", "groups"), [(1, 4), (2, 2), (4, 1)])
def test_groups_of_four_accelerators_are_disjoint(devices: int, groups: int) -> None:
    """Whoever asks: each accelerator is in one group, and every worker is in its own."""
    found = leases(devices)
    mine = [found.group(own, devices) for own in range(4)]
    assert all(own in group for own, group in enumerate(mine))
    assert len(set(mine)) == groups
    assert sorted(number for group in set(mine) for number in group) == [0, 1, 2, 3]
    assert found.wide is (devices > 1)


def test_what_does_not_divide_evenly_still_has_whole_groups() -> None:
    assert [leases(2, NAMES[:3]).group(own, 2) for own in range(3)] == [(0, 1), (0, 1), (1, 2)]


@pytest.mark.parametrize(
    ("workers", "expected"), [(1, [0]), (2, [0, 2]), (3, [0, 1, 2]), (4, [0, 1, 2, 3]), (6, [0, 1, 2, 3, 0, 1])]
)
def test_fewer_workers_than_accelerators_stand_apart(workers: int, expected: list[int]) -> None:
    assert [leases(2).own(number, workers) for number in range(workers)] == expected


def test_without_accelerators_nothing_is_leased() -> None:
    assert not leases(2, ()).wide
    assert not leases("auto", ("0",)).wide
    assert leases("auto").wide


@pytest.fixture
def leased(tmp_path: Path) -> Callable[..., Plan]:
    from benchmarks.planning.planner import make_plan

    model = {"class_path": "tests.engine.leased_models.Leasing", "init_args": ARGUMENTS}
    testbed = {**TESTBED, "generators": [{"name": f"g{i}", **model} for i in range(3)]}

    def make(devices: Any, **changes: Any) -> Plan:
        file = write_suite(tmp_path, testbed, execution={"generator": {"devices": devices}}, **changes)
        return make_plan(str(file))

    return make


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2, 4])
def test_no_accelerator_serves_two_steps_at_once(
    devices: int, leased: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four workers on four named accelerators, four seeds: every fit and every drawing says what it had, and when."""
    said = tmp_path / "said"
    said.mkdir()
    monkeypatch.setenv("LEASES", str(said))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(NAMES))
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[2]), *sys.path])
    plan = leased(devices, seeds=[0, 1, 2, 3], iterations=1, fit={
        side: {"steps": 1, "learning_rate": 1.0, "batch_size": 4} for side in ("captioner", "generator")
    })  # fmt: skip
    store = LocalStore(tmp_path / "store")
    executor = LocalExecutor(store.root, 4, plan.suite.execution)
    outcome = execute(plan, store, executor, tmp_path / "results")
    assert not outcome.failed
    found = [json.loads(file.read_text()) for file in said.iterdir()]
    fits = [each for each in found if each["kind"] == "fit"]
    assert len(fits) >= 8  # of `none` and of `real`
    for each in fits:
        assert len(each["seen"].split(",")) == each["count"] == devices
    assert {len(each["seen"].split(",")) for each in found if each["kind"] == "draw"} == {1}
    for one, other in combinations(found, 2):
        if set(one["seen"].split(",")) & set(other["seen"].split(",")):
            assert one["stop"] <= other["start"] or other["stop"] <= one["start"], (one, other)
    kept = [store.record(key) for key, step in plan.steps.items() if step.kind == "fit" and store.has(key)]
    assert {record.execution.get("devices", 1) for record in kept} == {devices}


def test_more_devices_than_there_are_is_one_sentence(leased: Callable[..., Plan]) -> None:
    plan = leased(3)
    require_devices(plan, ())
    require_devices(plan, NAMES)
    with pytest.raises(UsageError, match=r"execution\.generator\.devices: found 3; allowed: at most 2, the accelerat"):
        require_devices(plan, NAMES[:2])


def test_auto_is_at_most_one_device_a_sample(leased: Callable[..., Plan]) -> None:
    plan = leased("auto", fit={side: {"steps": 1, "learning_rate": 1.0, "batch_size": 3} for side in
                               ("captioner", "generator")})  # fmt: skip
    (fit, *_) = [step for step in plan.steps.values() if step.kind == "fit"]
    assert Leases(NAMES, plan.suite.execution).width(fit) == 3
    assert Leases(NAMES, plan.suite.execution).width(next(s for s in plan.steps.values() if s.kind == "images")) == 1

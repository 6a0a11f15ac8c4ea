"""A step in which memory runs out is done all the same, with the same numbers, and its record says what fitted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from benchmarks.analytic.models import GaussianGenerator
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running.worker import ADVICE, explain
from lightning_modules import memory
from lightning_modules.fitting.contracts import Generated
from tests.engine.conftest import ARGUMENTS, TESTBED, run_in_memory, write_suite


class OutOfMemoryError(RuntimeError):
    """As torch calls it."""


class Cramped(GaussianGenerator):
    """Draws part by part; more than `room` at once do not fit."""

    name: ClassVar[str] = "cramped"
    room: ClassVar[int] = 10**9

    def generate(self, inputs: Any, decoding: Any, seeds: Any, progress: Any = None, **more: Any) -> Generated:
        plain = super().generate

        def drawn(part: slice) -> Generated:
            if part.stop - part.start > self.room:
                raise OutOfMemoryError("no room")
            return plain(inputs[part], decoding, seeds[part], **more)

        parts = memory.in_parts("images", len(inputs), 8, drawn)
        images = np.concatenate([part.outputs for part in parts])
        return Generated(images, sum(part.network_evaluations for part in parts))


class Large(GaussianGenerator):
    """Does not fit beside any other model."""

    name: ClassVar[str] = "large"
    crowded: ClassVar[int] = 0

    def generate(self, *inputs: Any, **options: Any) -> Generated:
        if Large.crowded > 0:
            Large.crowded -= 1
            raise OutOfMemoryError("no room beside the others")
        return super().generate(*inputs, **options)


@pytest.fixture
def planned_with(tmp_path: Path) -> Callable[..., Plan]:
    def make(name: str) -> Plan:
        model = {"class_path": f"tests.engine.test_full_memory.{name}", "init_args": ARGUMENTS}
        file = write_suite(tmp_path, {**TESTBED, "generators": [{"name": "g", **model}]}, iterations=1, seeds=[0])
        return make_plan(str(file))

    return make


def numbers(outcome: Any) -> list[Any]:
    return [(key, result.metrics, result.sets, result.cost.network_evaluations)
            for key, result in sorted(outcome.results.items())]  # fmt: skip


def test_what_fitted_is_recorded_and_changes_no_number(
    planned_with: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned_with("Cramped")
    plain, before = run_in_memory(plan, tmp_path / "plain")
    monkeypatch.setattr(Cramped, "room", 3)
    short, after = run_in_memory(plan, tmp_path / "short")
    assert numbers(plain) == numbers(short)
    assert not plain.failed
    drawing = [key for key, step in plan.steps.items() if step.kind in ("images", "sample")]
    others = [key for key, step in plan.steps.items() if step.kind == "metrics"]
    assert drawing
    assert others
    assert all("at_once" not in before.record(key).execution for key in plan.steps)
    assert all(after.record(key).execution["at_once"] == {"images": 2} for key in drawing)
    assert all("at_once" not in after.record(key).execution for key in others), "one step's memory is not another's"


def test_a_model_that_has_no_room_beside_others_is_alone_the_second_time(
    planned_with: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned_with("Large")
    plain, _ = run_in_memory(plan, tmp_path / "plain")
    monkeypatch.setattr(Large, "crowded", 1)
    again, store = run_in_memory(plan, tmp_path / "again")
    assert numbers(plain) == numbers(again)
    noted = [store.record(key).execution.get("at_once") for key in plan.steps if store.record(key).execution]
    assert [each for each in noted if each] == [{"models": 1}]


def test_one_that_does_not_fit_alone_fails_with_its_own_words(
    planned_with: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned_with("Large")
    monkeypatch.setattr(Large, "crowded", 10**6)
    outcome, _ = run_in_memory(plan, tmp_path / "results")
    assert outcome.failed
    assert outcome.failed[0].error is not None
    assert "no room beside the others" in outcome.failed[0].error.message
    assert outcome.failed[0].error.message.partition(" (test_")[0].endswith(ADVICE)


@pytest.mark.parametrize("error", [MemoryError("x"), np._core._exceptions._ArrayMemoryError((9,), np.dtype("f8"))])
def test_the_memory_of_the_machine_is_memory_too(error: Exception) -> None:
    assert memory.is_full(error)
    assert explain(error).endswith(ADVICE)

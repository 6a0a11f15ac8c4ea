"""Files of models between the plan and the last step that reads them: looked at again whenever they are loaded."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running.execute import forget_outdated
from benchmarks.running.worker import perform
from benchmarks.steps import Base
from benchmarks.steps.context import RunContext
from records.errors import StepError
from tests.inputs.test_model_folders import home, study
from tests.memory_store import MemoryStore

__all__ = ["home", "study"]  # fixtures


def base(plan: Plan) -> Base:
    (found,) = [s for s in plan.steps.values() if isinstance(s, Base) and s.in_files]
    return found


def made(plan: Plan, store: MemoryStore) -> RunContext:
    context = RunContext(store)
    perform(base(plan), store, context, {})
    return context


def edit(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text((folder / "preprocessor_config.json").read_text() + " ")


def test_files_that_change_after_the_plan_are_not_loaded(
    home: Path, study: Callable[..., Path], tmp_path: Path
) -> None:
    shutil.copytree(home / "dino", tmp_path / "m")
    plan, store = make_plan(str(study("dino", tmp_path / "m"))), MemoryStore()
    made(plan, store)
    RunContext(store).model(base(plan).key)
    edit(tmp_path / "m")
    with pytest.raises(StepError, match=r"its files have digest .*when the run was planned"):
        RunContext(store).model(base(plan).key)
    with pytest.raises(StepError, match="its files have digest"):
        made(plan, MemoryStore())


@pytest.mark.parametrize("change", [edit, shutil.rmtree])
def test_equal_files_that_lie_elsewhere_by_now_are_the_ones_that_are_loaded(
    change: Callable[[Path], None], home: Path, study: Callable[..., Path], tmp_path: Path
) -> None:
    for name in ("first", "second"):
        shutil.copytree(home / "dino", tmp_path / name)
    store, plans = MemoryStore(), []
    plans.append(make_plan(str(study("dino", tmp_path / "first"))))
    made(plans[0], store)
    plans.append(make_plan(str(study("dino", tmp_path / "second"))))
    key = base(plans[0]).key
    assert base(plans[1]).key == key, "where files lie is no part of what they are"
    forget_outdated(plans[1], store)
    assert store.has(key), "the first folder still holds them"
    change(tmp_path / "first")
    forget_outdated(plans[1], store)
    assert not store.has(key)
    made(plans[1], store)
    assert store.get(key)["folder"] == str(tmp_path / "second")


def test_a_reference_of_former_times_is_made_again(home: Path, study: Callable[..., Path]) -> None:
    plan, store = make_plan(str(study("dino", home / "dino"))), MemoryStore()
    made(plan, store)
    del store.get(base(plan).key)["weights"]
    forget_outdated(plan, store)
    assert not store.has(base(plan).key)

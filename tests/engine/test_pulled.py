"""Code of the project that is edited or pulled while a run is under way is not run under the keys of the plan."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.analytic.data import AnalyticData
from benchmarks.analytic.families import ImageMoments
from benchmarks.analytic.models import GaussianGenerator
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running import assemble
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor
from benchmarks.steps.metrics import Metrics
from records import place
from records.identity import identity, version_of
from records.sources import class_names
from tests.engine.conftest import run_in_memory, write_suite
from tests.memory_store import MemoryStore

Planner = Callable[..., Plan]
ROOMS = ("benchmarks/analytic", "benchmarks/metrics", "datamodules", "lightning_modules/bases")


@pytest.mark.parametrize("kind", [ImageMoments, AnalyticData, GaussianGenerator])
def test_a_class_of_another_version_than_planned_fails_the_steps_that_use_it(
    kind: type, planned: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(seeds=[0], iterations=1)
    monkeypatch.setattr(kind, "version", 99, raising=False)
    outcome, store = run_in_memory(plan, tmp_path / "results")
    assert outcome.failed
    for result in outcome.failed:
        assert result.error is not None
        said = f"the code of {kind.__module__}.{kind.__qualname__} was edited after the run was planned"
        assert result.error.message == f"{said}; start the run again"
    steps = [step for step in plan.steps.values() if kind is ImageMoments and isinstance(step, Metrics)]
    mine = [step for step in steps if step.family.value["name"] == "image_moments"]
    assert not any(store.has(step.key) for step in mine)
    assert bool(mine) == (kind is ImageMoments)


def test_a_model_that_others_made_is_not_used_by_another_version_of_its_class(
    planned: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome, store = run_in_memory(planned(seeds=[0], iterations=1), tmp_path / "results")
    assert not outcome.failed
    plan = planned(seeds=[0], iterations=2)
    before = {key for key in plan.steps if store.has(key)}
    assert any(plan.steps[key].kind == "base" for key in before)
    monkeypatch.setattr(GaussianGenerator, "version", 99, raising=False)
    outcome, store = run_in_memory(plan, tmp_path / "results", store)
    assert outcome.failed
    assert {key for key in plan.steps if store.has(key)} == before


def test_a_step_of_another_version_than_planned_fails(
    planned: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(seeds=[0], iterations=1)
    monkeypatch.setattr(Metrics, "version", 99)
    outcome, store = run_in_memory(plan, tmp_path / "results")
    assert {str(result.error and result.error.message) for result in outcome.failed} == {
        "the code of step metrics was edited after the run was planned; start the run again"
    }
    assert not any(store.has(step.key) for step in plan.steps.values() if isinstance(step, Metrics))


def classes() -> Iterator[str]:
    root = place.ROOT
    for file in (file for room in ROOMS for file in sorted((root / room).glob("*.py"))):
        module = ".".join(file.relative_to(root).with_suffix("").parts)
        yield from (f"{module}.{name}" for name in class_names(file))


def test_an_imported_class_says_the_version_that_is_read_off_its_file() -> None:
    """Else a step would be refused whose code is what it was."""
    looked = 0
    for class_path in classes():
        module, _, name = class_path.rpartition(".")
        kind: Any = getattr(importlib.import_module(module), name)
        assert version_of(kind) == identity(class_path)["version"], class_path
        looked += 1
    assert looked > 30


@pytest.fixture
def _unasked() -> Iterator[None]:
    """No run of this process has asked for the commit, and none sees what this test says of it."""
    assemble.commit.cache_clear()
    yield
    assemble.commit.cache_clear()


@pytest.mark.usefixtures("_unasked")
def test_results_name_the_commit_that_a_run_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = ["ab" * 20]
    monkeypatch.setattr(place, "commit", lambda: here[0])

    class Pulling(InProcessExecutor):
        """Somebody pulls while the first step runs."""

        def run(self, *given: Any) -> None:
            here[0] = "cd" * 20
            super().run(*given)

    plan = make_plan(str(write_suite(tmp_path, seeds=[0], iterations=1)))
    outcome = execute(plan, MemoryStore(), Pulling(), tmp_path / "results")
    assert {result.commit for result in outcome.results.values()} == {"ab" * 20}

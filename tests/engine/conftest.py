"""A small analytic study and ways to run it: real code paths, models that cost microseconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running.execute import Outcome, execute
from benchmarks.running.executors import InProcessExecutor
from tests.memory_store import MemoryStore

SMALL: dict[str, Any] = {
    "schema": 1,
    "name": "small",
    "testbed": "testbed.yaml",
    "iterations": 2,
    "n": 16,
    "seeds": [0, 1],
    "fit": {"captioner": {"steps": 1, "learning_rate": 1.0}, "generator": {"steps": 1, "learning_rate": 1.0}},
    "generate": {"captioner": {"temperature": 1.0}, "generator": {"steps": 1, "guidance": 1.0}},
    "evaluate": {
        "n": 32,
        "draw_inputs": 0,
        "floor_draws": 2,
        "decoding": {"captioner": {"temperature": 1.0}, "generator": {"steps": 1, "guidance": 1.0}},
    },
    "metrics": [f"benchmarks.analytic.families.{name}" for name in ("CaptionLaw", "ImageMoments", "PoolLaw")],
    "primary": {"captioner": "heterozygosity", "generator": "variance"},
    "scenarios": [{"file": "single_model_generator"}],
}
ARGUMENTS = {"classes": 3, "spacing": 4.0}
TESTBED: dict[str, Any] = {
    "schema": 1,
    "name": "small",
    "data": {
        "class_path": "benchmarks.analytic.data.AnalyticData",
        "init_args": {
            **ARGUMENTS,
            "sizes": {"prompts": 64, "reserve": 64, "train": 64, "evaluation": 64, "floor": 64},
        },
    },
    "captioners": [
        {"name": f"c{i}", "class_path": "benchmarks.analytic.models.CategoricalCaptioner", "init_args": ARGUMENTS}
        for i in range(3)
    ],
    "generators": [
        {"name": f"g{i}", "class_path": "benchmarks.analytic.models.GaussianGenerator", "init_args": ARGUMENTS}
        for i in range(3)
    ],
}


def write_suite(folder: Path, testbed_data: dict[str, Any] | None = None, **changes: Any) -> Path:
    """Write the small study with changes; return the suite's file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "testbed.yaml").write_text(yaml.safe_dump(testbed_data or TESTBED))
    file = folder / "small.yaml"
    file.write_text(yaml.safe_dump({**SMALL, **changes}))
    return file


@pytest.fixture
def suite(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of the small study."""
    return lambda **changes: write_suite(tmp_path, **changes)


@pytest.fixture
def planned(suite: Callable[..., Path]) -> Callable[..., Plan]:
    """Return a planner of the small study."""

    def make(methods: tuple[str, ...] = (), overrides: tuple[str, ...] = (), **changes: Any) -> Plan:
        return make_plan(str(suite(**changes)), overrides, methods)

    return make


def run_in_memory(plan: Plan, results: Path, store: MemoryStore | None = None) -> tuple[Outcome, MemoryStore]:
    """Run a plan in this process."""
    store = store or MemoryStore()
    return execute(plan, store, InProcessExecutor(), results), store

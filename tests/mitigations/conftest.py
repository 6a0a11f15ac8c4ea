"""The small analytic study with a toy scorer, and a captioner of a real class, tiny and untrained."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from tests.engine.conftest import TESTBED, write_suite

SCORER = {"name": "toy", "class_path": "tests.mitigations.toys.ToyScorer"}


@pytest.fixture
def planned(tmp_path: Path) -> Callable[..., Plan]:
    """Return a planner of the small study with methods by shipped name or file."""

    def make(*methods: str, scorers: tuple[dict[str, Any], ...] = (SCORER,), **changes: Any) -> Plan:
        testbed = {**copy.deepcopy(TESTBED), "scorers": list(scorers)}
        for part in (testbed["data"], *testbed["captioners"], *testbed["generators"]):
            part["init_args"]["classes"] = 12  # enough for two choices of captions to differ
        changes = {"mitigations": ["none"], "seeds": [0], **changes}
        return make_plan(str(write_suite(tmp_path, testbed, **changes)), (), methods)

    return make


@pytest.fixture(scope="session")
def captioner() -> Any:
    """Return a tiny captioner."""
    from lightning_modules.tiny.models import TinyCaptioner

    return TinyCaptioner("git")

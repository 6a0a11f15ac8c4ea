from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.metrics.captions.diversity import CaptionDiversity
from tests.metrics.two_processes import FAMILIES, everything, measured

ROOT = Path(__file__).parents[2]


@pytest.mark.java
def test_two_processes_equal_one(tmp_path):
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.metrics.two_processes", str(rank), tmp_path / "meet", tmp_path / f"{rank}.json"],
            cwd=ROOT, stderr=subprocess.PIPE, text=True,
        )
        for rank in (0, 1)
    ]  # fmt: skip
    for rank in ranks:
        said = rank.communicate(timeout=300)[1]
        assert rank.returncode == 0, said[-2000:]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    view = everything()
    assert first.pop("silent") == float(_computed(CaptionDiversity(), view)["word_entropy"])
    one = measured([view])
    assert {name.partition(".")[0] for name in one} == {family.__name__ for family in FAMILIES}
    assert first == pytest.approx(one, rel=1e-12, abs=1e-12)


def _computed(family, view):
    family.update(view)
    return family.compute()

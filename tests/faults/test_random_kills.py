"""Whoever is killed, and whenever: the same command ends with the same files, and leaves no process and no litter."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.run import Study, strike

SMALL = ("--iterations", "2", "--seeds", "[0]", "--n", "64")
ANALYTIC = Study("analytic", ("analytic", *SMALL))
#: Networks, pictures and their drawing.
SCENES = Study("scenes", (
    "smoke", "--scenarios", "[{file: joint_finetune, variants: [closed]}]", "--mitigations", "[none]", "--iterations", "1", "--seeds", "[0]", "--n", "32", "--evaluate.n", "64", "--evaluate.draw_inputs", "8",
    "--fit.captioner.steps", "4", "--fit.generator.steps", "4", "--generate.generator.steps", "4",
    "--evaluate.decoding.generator.steps", "4",
))  # fmt: skip
SEED = int(os.environ.get("SEED", "11"))


@pytest.mark.slow
def test_three_blows(tmp_path: Path) -> None:
    report = strike([ANALYTIC], tmp_path, 3, SEED)
    assert not report.problems, report.table()


@pytest.mark.faults
def test_thirty_blows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = strike([ANALYTIC, SCENES], tmp_path, int(os.environ.get("BLOWS", "30")), SEED)
    with capsys.disabled():
        print(f"\n{report.table()}")
    assert not report.problems

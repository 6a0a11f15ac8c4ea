"""A method outside the repository: one Python file and one YAML line give a row; an edit runs its own steps again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.commands.main import main
from benchmarks.study.loading import ROOT
from tests.engine.conftest import write_suite

CODE = '''
from benchmarks.methods.hooks import Mitigation
from datamodules.pairs import Pairs


class HalfAndHalf(Mitigation):
    """Train on half synthetic, half real pairs."""

    reads = {"curate": ("new", "real")}

    def curate(self, ctx):
        half = len(ctx.new) // 2
        return Pairs.concat([ctx.new.take(range(half)), ctx.real[-1].take(range(half, len(ctx.new)))])
'''


def steps(printed: str) -> int:
    """Return how many steps a run said that it would run."""
    start = next(line for line in printed.splitlines() if line.startswith("start "))
    return int(start.split()[1].removeprefix("steps="))


def test_one_file_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite, runs = write_suite(tmp_path / "study"), tmp_path / "runs"
    command = ["run", str(suite), "--runs", str(runs), "--workers", "0", "--no-mirror"]

    def run(*arguments: str) -> tuple[str, int]:
        assert main([*command, *arguments]) == 0
        printed = capsys.readouterr()
        return printed.out, steps(printed.err)

    home = tmp_path / "elsewhere"
    home.mkdir()
    (home / "half_and_half.py").write_text(CODE)
    (home / "half_and_half.yaml").write_text(
        "{schema: 1, name: half_and_half, class_path: half_and_half.HalfAndHalf}\n"
    )
    method = ("--method", str(home / "half_and_half.yaml"))

    printed, first = run(*method)
    assert "half_and_half" in printed
    assert "none" in printed
    _, nothing = run(*method)
    assert nothing == 0
    _, own = run()
    assert own == 0, "the controls were not run again"

    (home / "half_and_half.py").write_text(CODE.replace("// 2", "// 4"))
    # A process of its own, as people start one: this one has imported the file as it was.
    again = subprocess.run(
        [sys.executable, "-m", "benchmarks", *command, *method], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    # Per seed and iteration: curate, its metrics, fit, sample, metrics; and the second iteration's images.
    assert steps(again.stderr) == 2 * (2 * 5 + 1) < first
    assert "half_and_half" in again.stdout

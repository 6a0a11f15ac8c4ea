"""A method outside the repository: one Python file and one YAML line give a row; an edit runs its own steps again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.study.loading import ROOT
from tests.engine.conftest import write_suite

CODE = '''
from benchmarks.methods.hooks import Mitigation
from datamodules.pairs import Pairs


class KeepHalf(Mitigation):
    """Train on half synthetic, half real pairs."""

    reads = {"curate": ("new", "real")}

    def curate(self, ctx):
        half = len(ctx.new) // 2
        return Pairs.concat([ctx.new.take(range(half)), ctx.real[-1].take(range(half, len(ctx.new)))])
'''


def run(suite: Path, runs: Path, *arguments: str) -> tuple[str, int]:
    """Run as a user does; return what was printed and how many steps ran."""
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "run",
        str(suite),
        "--runs",
        str(runs),
        "--workers",
        "1",
        "--no-mirror",
    ]
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    start = next(line for line in done.stderr.splitlines() if line.startswith("start "))
    return done.stdout, int(start.split()[1].removeprefix("steps="))


def test_one_file_and_one_line(tmp_path: Path) -> None:
    suite, runs = write_suite(tmp_path / "study"), tmp_path / "runs"
    home = tmp_path / "elsewhere"
    home.mkdir()
    (home / "keep_half.py").write_text(CODE)
    (home / "keep_half.yaml").write_text("{schema: 1, name: keep_half, class_path: keep_half.KeepHalf}\n")
    method = ("--method", str(home / "keep_half.yaml"))

    printed, first = run(suite, runs, *method)
    assert "keep_half" in printed
    assert "none" in printed
    _, nothing = run(suite, runs, *method)
    assert nothing == 0
    _, own = run(suite, runs)
    assert own == 0, "the controls were not run again"

    (home / "keep_half.py").write_text(CODE.replace("// 2", "// 4"))
    printed, again = run(suite, runs, *method)
    # Per seed and iteration: curate, its metrics, fit, sample, metrics; and the second iteration's images.
    assert again == 2 * (2 * 5 + 1)
    assert again < first
    assert "keep_half" in printed

"""A run ends with one screen on standard output; what it names is there."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from benchmarks.commands import main as cli
from leaderboard.fitting import LINES, WIDTH
from tests.engine.conftest import write_suite
from tests.inputs.test_read_only import refusing

JOINT = {"scenarios": [{"file": "joint_finetune", "variants": ["real_prompts"]}], "mitigations": ["none", "real"]}


def run(suite: Path, runs: Path, *arguments: str) -> int:
    return cli.main(["run", str(suite), "--runs", str(runs), "--workers", "0", "--no-mirror", *arguments])


def test_a_run_ends_with_one_screen_and_its_files_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(write_suite(tmp_path, **JOINT), Path("runs"), "--method", "accumulate") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH
    assert lines[0] == "small: 2 seeds, 2 iterations, 16 pairs an iteration"
    heads = [
        line.split()[0] for line in lines if line.split()[1:2] and line.split()[0] in ("none", "real", "accumulate")
    ]
    assert heads == ["none", "real", "accumulate"]
    where = lines.index("written to runs/small")
    home = tmp_path / "runs" / "small"
    named = [name.split(" ")[0] for line in lines[where + 1 :] for name in line[13:].split(", ")]
    assert {
        "report.html",
        "leaderboard.html",
        "leaderboard.md",
        "tables.txt",
        "metrics.csv",
        "trajectories.png",
        "results/",
    } <= set(named)
    assert all((home / name).exists() for name in named)
    assert f"results/ ({len(list((home / 'results').iterdir()))})" in lines[-1]
    assert "joint_finetune / real_prompts: generator" in (home / "tables.txt").read_text()
    page = (home / "leaderboard.md").read_text().splitlines()
    assert page[2] == "2 seeds, 2 iterations, 16 pairs an iteration."
    assert page[4].startswith("- On own output the captioner's")


def test_a_full_disk_takes_no_screen_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = write_suite(tmp_path, **JOINT)
    refusing(monkeypatch, errno.ENOSPC, lambda path: "tables.txt" in path.name)
    assert run(suite, tmp_path / "runs") == 1
    said = capsys.readouterr()
    assert said.out.startswith("small: 2 seeds")
    assert "  board      leaderboard.md\n" in said.out
    assert "tables.txt" not in said.out
    assert said.err.endswith(f"error: {tmp_path / 'runs' / 'small' / 'tables.txt'}: No space left on device\n")

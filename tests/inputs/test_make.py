"""`make` hands over what it is given as it stands: spaces, quotes, dollars and brackets part or change nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: In the place of Python: says what it was called with.
ECHO = """#!/bin/sh
for word in "$@"; do printf '%s\\0' "$word"; done
"""
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not here")


def called(tmp_path: Path, *words: str) -> list[str]:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(ECHO)
    python.chmod(0o755)
    for name in "01,":  # what the pattern [0,1] would find
        (tmp_path / name).write_text("")
    command = [
        "make",
        "-s",
        "-f",
        str(ROOT / "Makefile"),
        "-o",
        ".venv/.installed",
        "STAMP=",
        f"BIN={tmp_path / 'bin'}",
    ]
    done = subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\0")[:-1]


GIVEN = {
    "a list": (["bench", "ARGS=--seeds [0,1]"], ["run", "joint_loop", "--seeds", "[0,1]"]),
    "a method with a space": (
        ["bench", "METHOD=my methods/one.yaml"], ["run", "joint_loop", "--method=my methods/one.yaml"],
    ),
    "a suite with a space": (["plan", "SUITE=my suite.yaml"], ["plan", "my suite.yaml"]),
    "an entry with a space": (["verify", "ENTRY=my entry.json", "ARGS=--rerun 0"], ["verify", "my entry.json", "--rerun", "0"]),
    "a survey": (["survey", "SUITE=my suite.yaml", "ARGS=--rows 'a/*/none'"], ["survey", "my suite.yaml", "--rows", "a/*/none"]),
    "votes with a space": (["survey-results", "VOTES=my votes/$here"], ["survey-results", "my votes/$here"]),
    "a dollar": (["plan", "SUITE=a$b$(c).yaml"], ["plan", "a$b$(c).yaml"]),
    "quotes": (["plan", "SUITE=it's \"mine\""], ["plan", "it's \"mine\""]),
    "a command": (["plan", "SUITE=a;touch b`touch c`"], ["plan", "a;touch b`touch c`"]),
    "words of a shell": (
        ["plan", "ARGS=--question 'costs $5 and \"more\"' --testbed=\"a b\""],
        ["plan", "joint_loop", "--question", 'costs $5 and "more"', "--testbed=a b"],
    ),
    "a text in quotes": (["plan", "ARGS=--claims[0].init_args.x='\"no\"'"], ["plan", "joint_loop", '--claims[0].init_args.x="no"']),
    "a method to submit": (["submit", "METHOD=a b"], ["submit", "joint_loop", "--method=a b"]),
    "no method": (["bench"], ["run", "joint_loop"]),
    "several methods": (["bench", "METHOD=accumulate a.py:A"], ["run", "joint_loop", "--method=accumulate a.py:A"]),
    "a method to try": (["try", "METHOD=my methods/one.yaml"], ["try", "my methods/one.yaml"]),
    "a method to try there": (["try", "METHOD=a.py:A", "SUITE=board"], ["try", "a.py:A", "--suite=board"]),
    "a new method": (["new-method", "METHOD=mine"], ["new-method", "mine"]),
}  # fmt: skip


@pytest.mark.parametrize("case", GIVEN)
def test_words_arrive(case: str, tmp_path: Path) -> None:
    given, words = GIVEN[case]
    assert called(tmp_path, *given) == ["-m", "benchmarks", *words]
    assert sorted(p.name for p in tmp_path.iterdir()) == [",", "0", "1", "bin"]

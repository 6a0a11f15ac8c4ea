"""docs/add-a-method.md, followed word for word in an empty folder, gives a row."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from benchmarks.planning.planner import make_plan
from benchmarks.study.loading import ROOT

PAGE = ROOT / "docs" / "add-a-method.md"


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)


def follow(command: str, folder: Path, runs: Path) -> str:
    """Run a command of the page as it stands, with a folder of runs of its own, on few seeds; return what it printed."""
    arguments = f"--runs {runs} --no-mirror --workers 0 --seeds [0,1,2] --iterations 4"
    environment = {**os.environ, "BENCH": str(ROOT), "ARGS": arguments}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with the files of the page."""
    (code,), (settings,) = blocks("python"), blocks("yaml")
    for text in (code, settings):
        (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text, encoding="utf-8")
    assert {f.name for f in tmp_path.iterdir()} == {"keep_half.py", "keep_half.yaml"}
    return tmp_path


@pytest.mark.parametrize(
    ("block", "row"), [(1, "KeepHalf"), pytest.param(2, "keep_half_of_it", marks=pytest.mark.slow)]
)
def test_the_page_gives_a_row(block: int, row: str, folder: Path) -> None:
    printed = follow(blocks("sh")[block], folder, folder / "runs")
    lines = [line.split() for line in printed.splitlines()]
    found = next(words for words in lines if words and words[0] == row)
    rows = sum(
        words[0] in ("none", "real", "accumulate", "fresh_real", row) and len(words) > 3 for words in lines if words
    )
    assert ["results", "results/", f"({3 * rows})"] in lines, "every seed ran"
    assert all(float(number) > 0 for number in found[1:3]), "at 0 and at T"
    assert "Not run yet: accumulate and fresh_real." in printed
    assert {"none", "real"} <= {words[0] for words in lines if words}


def test_its_settings_are_a_method(folder: Path) -> None:
    plan = make_plan("analytic", methods=(str(folder / "keep_half.yaml"),))
    assert "keep_half_of_it" in {row.mitigation for row in plan.rows}


def test_commands_name_suites_that_are_there() -> None:
    for suite in re.findall(r"SUITE=(\w+)", PAGE.read_text(encoding="utf-8")):
        assert (ROOT / "suites" / f"{suite}.yaml").is_file()

"""docs/add-a-method.md, followed word for word in an empty folder, gives a row."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from benchmarks.study.loading import ROOT

PAGE = ROOT / "docs" / "add-a-method.md"


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)


def follow(command: str, folder: Path, runs: Path) -> str:
    """Run a command of the page as it stands, with a folder of runs of its own, on few seeds; return what it printed."""
    arguments = f"--runs {runs} --no-mirror --seeds [0,1,2] --iterations 4"
    environment = {**os.environ, "BENCH": str(ROOT), "ARGS": arguments}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_gives_a_row(tmp_path: Path) -> None:
    (code,), (settings,) = blocks("python"), blocks("yaml")
    for text in (code, settings):
        (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text, encoding="utf-8")
    assert {f.name for f in tmp_path.iterdir()} == {"keep_half.py", "keep_half.yaml"}
    _, first, second, _ = blocks("sh")
    for command, row in ((first, "KeepHalf"), (second, "keep_half_of_it")):
        printed = follow(command, tmp_path, tmp_path / "runs")
        lines = [line.split() for line in printed.splitlines()]
        found = next(words for words in lines if words and words[0] == row)
        assert "3/3" in found, "every seed ran"
        assert {"none", "real"} <= {words[0] for words in lines if words}


def test_commands_name_suites_that_are_there() -> None:
    for suite in re.findall(r"SUITE=(\w+)", PAGE.read_text(encoding="utf-8")):
        assert (ROOT / "suites" / f"{suite}.yaml").is_file()

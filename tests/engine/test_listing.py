"""What there is: every suite with its question and cost, every method with what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands.main import main
from benchmarks.study.about import about
from benchmarks.study.loading import SUITES
from leaderboard.fitting import WIDTH

SHIPPED = sorted(SUITES.glob("*.yaml"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_suite_says_its_question_its_command_and_its_cost(file: Path) -> None:
    said = about(file)
    assert said.question.split(". ")[0].rstrip(".").partition("?")[1] == "?", said.question
    assert f"SUITE={file.stem}" in said.command or (file.stem == "joint_loop" and said.command == "make bench")
    assert said.cost.endswith((".", ")"))


def test_a_file_that_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("# Cost: little\n#   of it\n# Else: no\n# plain\n#   more\nname: x\n# Question: too late?\n")
    assert (about(file).cost, about(file).question) == ("little of it", "")
    assert about(tmp_path / "none.yaml").cost == ""


def test_suites_are_listed(capsys: Any) -> None:
    assert main(["suites"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines if line and line[0] != " "} >= {file.stem for file in SHIPPED}
    assert max(map(len, lines)) <= WIDTH


def test_methods_are_listed(capsys: Any, tmp_path: Path) -> None:
    assert main(["methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    methods = {file.stem for file in (SUITES / "mitigations").glob("*.yaml")}
    assert {line.split()[0] for line in lines if line.startswith("  ")} == methods
    assert max(map(len, lines)) <= WIDTH
    capsys.readouterr()
    assert main(["methods", str(tmp_path)]) == 2
    assert f"{tmp_path}: found no YAML file" in capsys.readouterr().err

"""What was asked for can be asked for again as it is printed, and never takes the place of another study."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from benchmarks.commands.main import main
from benchmarks.planning import request as module
from benchmarks.planning.planner import make_plan
from benchmarks.planning.request import Request
from benchmarks.reporting.outputs import describe
from records.place import ROOT
from tests.engine.conftest import write_suite

REQUESTS = [
    Request("joint_loop"),
    Request("joint_loop", ("--seeds", "[0, 1]", "--n=64"), ("ema",)),
    Request("my suite's.yaml", ("--question", 'does "it"?'), ("a b.py:Class",)),
]


@pytest.mark.parametrize("request_", REQUESTS)
def test_the_printed_command_says_the_same_to_make(request_: Request) -> None:
    line = request_.command("run", ["--runs", "else where"]).replace("make ", "make --dry-run -o .venv/.installed ", 1)
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=True)
    recipe = done.stdout.replace(".venv/bin/python -m benchmarks", "printf '%s\\n'").replace("$SUITE", request_.suite)
    recipe = recipe.replace("$METHOD", next(iter(request_.methods), ""))
    words = subprocess.run(["bash", "-c", recipe], capture_output=True, text=True, check=True).stdout.splitlines()
    assert words[:2] == ["run", request_.suite]
    assert words[2:] == [*(f"--method={m}" for m in request_.methods), "--runs", "else where", *request_.overrides]


@pytest.mark.parametrize("request_", REQUESTS)
def test_the_printed_command_says_the_same_to_a_shell(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "checkout", lambda: None)
    words = shlex.split(request_.command("plan"))
    assert words == [
        "mmcollapse",
        "plan",
        request_.suite,
        *(f"--method={m}" for m in request_.methods),
        *request_.overrides,
    ]


def test_no_shell_takes_a_printed_list_for_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """zsh ends where nothing is called so, and bash puts a file called 0 in the place of `[0,1]`."""
    monkeypatch.setattr(module, "checkout", lambda: None)
    (tmp_path / "0").touch()
    line = Request("x", ("--seeds", "[0]")).command("run").replace("mmcollapse", "printf '%s\\n'", 1)
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["run", "x", "--seeds", "[0]"]


def test_a_study_with_overrides_has_a_folder_of_its_own(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    plain = Request("x").home(runs, "x")
    assert plain == runs / "x"
    assert Request("x", methods=("ema",)).home(runs, "x") == plain, "a method is a row more of the same study"
    assert Request("x", ("--execution.step_seconds", "3", "--retain.pools=false")).home(runs, "x") == plain
    assert Request("x", ("--name", "y")).home(runs, "y") == runs / "y"
    others = [Request("x", words).home(runs, "x") for words in (("--n=3",), ("--n", "3"), ("--n=4",), ("--seeds=[0]",))]
    assert len({plain, *others}) == 5
    assert all(other.parent == plain / "with" for other in others)
    assert len(Request("x", ("--question", "../" * 300)).home(runs, "x").name) < 64


def test_a_run_with_overrides_leaves_the_board_of_the_full_study(tmp_path: Path) -> None:
    suite, runs = str(write_suite(tmp_path)), str(tmp_path / "runs")
    given = [suite, "--runs", runs, "--workers", "0", "--no-mirror"]
    assert main(["run", *given]) == 0
    home = tmp_path / "runs" / "small"
    before = {file: file.read_bytes() for file in home.rglob("*") if file.is_file()}
    assert main(["run", *given, "--seeds", "[0]"]) == 0
    assert main(["claims", suite, "--runs", runs, "--seeds", "[0]"]) == 2, "it states none"
    assert all(file.read_bytes() == content for file, content in before.items())
    (other,) = (home / "with").iterdir()
    assert "0/1" not in (other / "leaderboard.md").read_text()


def test_a_plan_counts_what_a_run_with_a_method_does(tmp_path: Path) -> None:
    file = str(write_suite(tmp_path, mitigations=["none", "real", "accumulate"]))
    whole, one = make_plan(file), make_plan(file, (), ["ema"]).to_run
    assert {row.mitigation for row in one.rows} == {"none", "real", "ema"}
    assert set(one.cells) == set(make_plan(file, (), ["ema"]).asked)
    facts = describe(one, tmp_path / "store")
    assert facts["steps_unique"] == len({key for cell in one.cells.values() for key in cell.needs})
    assert whole.to_run is whole


def test_two_methods_are_printed_as_they_can_be_typed() -> None:
    assert Request("x", (), ("a", "b")).command() == "mmcollapse run x --method=a --method=b"

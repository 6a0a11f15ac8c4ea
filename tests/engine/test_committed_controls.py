"""`run --method mine --committed-controls` computes the method's own cells; the board compares them with entries."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands.main import main
from benchmarks.running.executors import InProcessExecutor
from records.results import read_results
from tests.engine.conftest import write_suite
from tests.inputs.refused import refused


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of one's own whose controls have entries, and nothing else."""
    where = tmp_path_factory.mktemp("committed")
    file = str(write_suite(where, mitigations=["none", "real"]))
    runs = ["--runs", str(where / "runs")]
    assert main(["run", file, *runs, "--workers", "0", "--no-mirror"]) == 0
    assert main(["submit", file, *runs, "--method", "none real"]) == 0
    shutil.rmtree(where / "runs")
    return where


def test_only_the_cells_of_the_method_run_and_the_board_has_the_controls(home: Path, tmp_path: Path) -> None:
    words = [str(home / "small.yaml"), "--runs", str(tmp_path), "--method", "accumulate", "--committed-controls"]
    assert main(["run", *words, "--workers", "0", "--no-mirror"]) == 0
    results = read_results(tmp_path / "small" / "results")
    assert {row.mitigation for result in results.values() for row in result.rows} == {"accumulate"}
    with (tmp_path / "small" / "leaderboard.csv").open(newline="") as lines:
        found = {row["mitigation"]: row for row in csv.DictReader(lines)}
    assert set(found) == {"none", "real", "accumulate"}
    assert all(row["end"] for row in found.values())


def test_the_plan_has_the_cells_that_would_run_and_its_command_says_so(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["plan", str(home / "small.yaml"), "--runs", str(tmp_path), "--method", "accumulate"]
    assert main(words) == 0
    whole = capsys.readouterr().out
    assert main([*words, "--committed-controls"]) == 0
    own = capsys.readouterr().out
    assert int(own.split()[1]) * 3 == int(whole.split()[1])
    assert "committed-controls" in "".join(own.split())
    assert "committed-controls" not in "".join(whole.split())


@pytest.mark.parametrize("lost", [0, 1])
def test_controls_that_ran_here_are_not_run_again_where_entries_have_them(
    lost: int, home: Path, tmp_path: Path
) -> None:
    """Whoever ran and submitted them has both; where a result file is gone the entry takes its row's place."""
    words = ["run", str(home / "small.yaml"), "--runs", str(tmp_path), "--workers", "0", "--no-mirror"]
    assert main(words) == 0
    folder = tmp_path / "small" / "results"
    for file in sorted(folder.iterdir())[:lost]:
        file.unlink()
    before = set(read_results(folder))
    assert main([*words, "--method", "accumulate", "--committed-controls"]) == 0
    results = read_results(folder)
    assert {row.mitigation for key in set(results) - before for row in results[key].rows} == {"accumulate"}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "found no --method"),
        (["--method", "accumulate", "--iterations", "3"], "found no entry of "),
        (["--method", "accumulate", "--seeds", "[7]"], "found no entry of "),
    ],
)
def test_without_controls_to_compare_with_nothing_runs(
    words: list[str], why: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["run", str(home / "small.yaml"), "--runs", str(tmp_path / "runs"), "--committed-controls", *words]
    assert main(given) == 2
    assert f"error: --committed-controls: {why}" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_an_entry_that_is_none_is_refused_before_the_compute(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "study")
    entry = tmp_path / "study" / "entries" / "small" / "none.json"
    entry.write_text(entry.read_text()[:100])
    refused(tmp_path / "study" / "small.yaml", str(entry), "not valid JSON")


def test_an_entry_that_breaks_while_a_run_lasts_takes_no_result_away(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody pulls it from the repository in the last hour of a week."""
    shutil.copytree(home, tmp_path / "study")
    entry, file = (tmp_path / "study" / name for name in ("entries/small/none.json", "small.yaml"))

    class Pulled(InProcessExecutor):
        def run(self, *given: Any) -> None:
            super().run(*given)
            entry.write_text("{")

    monkeypatch.setattr("benchmarks.running.study.InProcessExecutor", Pulled)
    assert main(["run", str(file), "--runs", str(tmp_path / "runs"), "--workers", "0", "--no-mirror"]) == 0
    assert f"no board was made: {entry}: not valid JSON" in capsys.readouterr().err
    results = read_results(tmp_path / "runs" / "small" / "results")
    assert {result.status for result in results.values()} == {"complete"}

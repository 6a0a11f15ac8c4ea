"""What boards and claims read of parts: rows that have all of their cells, whatever has become of the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from benchmarks.commands.main import main
from benchmarks.planning.planner import make_plan
from benchmarks.reporting.submit import rows_of
from leaderboard.entries import EntryError
from leaderboard.entries_parts import read_part
from records.results import CellError, CellResult, read_results
from tests.leaderboard.entry_study import submit

pytestmark = pytest.mark.usefixtures("no_pictures")
CAPTIONER, GENERATOR = "single_model_captioner/default", "single_model_generator/default"
METRICS = {CAPTIONER: "captioner/heterozygosity", GENERATOR: "generator/variance"}


def claim(row: str) -> dict[str, object]:
    courses = [{"metric": METRICS[row], "expect": "worsens"}]
    return {
        "name": row.split("/")[0], "statement": "It gets worse.", "class_path": "leaderboard.claims.trend.Trend",
        "init_args": {"row": f"{row}/none", "courses": courses},
    }  # fmt: skip


def spoil(mine: Path, row: str, seed: int, change: Callable[[CellResult], CellResult] | None) -> None:
    """Change the result of a cell of `none`, or take it away."""
    results = mine / "runs" / "small" / "results"
    planned = next(
        r for r in rows_of(make_plan(str(mine / "small.yaml")), "none") if f"{r.scenario}/{r.variant}" == row
    )
    cell = read_results(results)[planned.keys[planned.seeds.index(seed)]]
    (results / cell.file_name).unlink()
    if change is not None:
        change(cell).write(results / cell.file_name)


def failed(cell: CellResult) -> CellResult:
    error = CellError("captioner fit", 2, "loss is nan, see /home/me/<log> for more")
    return replace(cell, status="failed", metrics=(), sets=(), error=error)


@pytest.fixture
def running(mine: Path) -> Path:
    """A study with claims of which `none` has no entry any more."""
    file = mine / "small.yaml"
    file.write_text(
        yaml.safe_dump({**yaml.safe_load(file.read_text()), "claims": [claim(CAPTIONER), claim(GENERATOR)]})
    )
    (mine / "entries" / "small" / "none.json").unlink()
    return mine


def judged(home: Path, capsys: pytest.CaptureFixture[str], runs: str = "nowhere") -> dict[str, tuple[str, str]]:
    capsys.readouterr()
    assert main(["claims", str(home / "small.yaml"), "--runs", str(home / runs), "--format", "json"]) == 0
    return {c["name"]: (c["verdict"], c["reason"]) for c in json.loads(capsys.readouterr().out)["claims"]}


def test_a_claim_is_tested_when_its_own_rows_are_whole(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(running, CAPTIONER, 3, None)
    assert submit(running, "none", "--parts", str(running / "parts")) == 0
    assert "9 of 10 cells are complete; the others" in capsys.readouterr().out
    found = judged(running, capsys)
    assert found["single_model_generator"] == ("supported", "")
    assert found["single_model_captioner"] == ("undecided", f"{CAPTIONER}/none: 4 of 5 seeds are complete")
    assert main(["claims", str(running / "small.yaml"), "--runs", str(running / "nowhere")]) == 0
    assert "3 committed entries and 1 part" in capsys.readouterr().out.replace("\n", " ")


def test_a_cell_that_failed_is_named_and_leaves_its_own_claims_undecided(
    running: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(running, CAPTIONER, 4, failed)
    for _ in range(2):  # the second time from the part alone
        assert submit(running, "none", "--parts", str(running / "parts")) == 0
        said = capsys.readouterr().out
        assert "9 of 10 cells are complete, 1 failed; the others" in said
        found = judged(running, capsys)
        assert found["single_model_generator"] == ("supported", "")
        word, reason = found["single_model_captioner"]
        assert word == "undecided"
        assert "1 of 5 seeds failed; seed 4 in captioner fit of iteration 2: loss is nan" in reason
        assert "home" not in reason
        for file in (running / "runs" / "small" / "results").glob("*.json"):
            file.unlink()
    assert f"left out: none on {CAPTIONER}, seed 4: failed in captioner fit 2" not in said, "it is not here any more"
    boards = running / "boards"
    where = ["--runs", str(running / "nowhere"), "--entries", str(running / "entries"), "--boards", str(boards)]
    assert main(["table", str(running / "small.yaml"), *where]) == 0
    assert "failed" in (boards / "small.md").read_text()


def test_a_cell_that_failed_once_counts_when_it_is_complete(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = running / "runs" / "small" / "results"
    whole = {file: file.read_bytes() for file in results.glob("*.json")}
    spoil(running, CAPTIONER, 4, failed)
    assert submit(running, "none", "--parts", str(running / "parts")) == 0
    said = capsys.readouterr().out
    assert f"left out: none on {CAPTIONER}, seed 4: failed in captioner fit 2: loss is nan" in said
    for file, content in whole.items():
        file.write_bytes(content)
    assert submit(running, "none", "--parts", str(running / "parts")) == 0
    assert (running / "entries" / "small" / "none.json").is_file()
    assert not (running / "parts" / "small" / "none.json").exists()


def test_of_a_row_that_is_nowhere_whole_the_fuller_one_is_shown(
    running: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(running, CAPTIONER, 4, None)
    assert submit(running, "none", "--parts", str(running / "parts")) == 0
    spoil(running, CAPTIONER, 3, None)
    assert judged(running, capsys, "runs")["single_model_captioner"][1].endswith("4 of 5 seeds are complete")
    part = read_part(running / "parts" / "small" / "none.json", "small")
    rows = tuple(replace(row, cells=row.cells[:1]) for row in part.rows)
    (running / "parts" / "small" / "none.json").write_text(replace(part, rows=rows, made={}).to_json())
    assert judged(running, capsys, "runs")["single_model_captioner"][1].endswith("3 of 5 seeds are complete")


def test_what_failed_is_read_as_strictly(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(running, CAPTIONER, 4, failed)
    assert submit(running, "none", "--parts", str(running / "parts")) == 0
    path = running / "parts" / "small" / "none.json"
    document = json.loads(path.read_text())
    for change, said in (
        ({"seed": 0}, "names a seed that is complete or not its row's"),
        ({"row": "no/row"}, "names a seed that is complete or not its row's"),
        ({"error": {"step": "fit", "iteration": 1, "message": "<script>"}}, "a text of another alphabet"),
        ({"key": "../../x"}, "a text of another alphabet"),
    ):
        (bad,) = document["failed"]
        path.write_text(json.dumps({**document, "failed": [{**bad, **change}]}))
        with pytest.raises(EntryError, match=said):
            read_part(path, "small")

"""Entries from result files to the committed board."""

from __future__ import annotations

import copy
import csv
import dataclasses
import io
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks.planning.planner import make_plan
from benchmarks.running.assemble import versions
from benchmarks.running.worker import surroundings
from benchmarks.study.suite import Executions
from leaderboard import entries as en
from leaderboard.committed import entry_board
from leaderboard.entries import read_entries, read_entry
from leaderboard.verify import compare_rerun
from records.results import CellError, read_result
from tests.engine.conftest import run_in_memory, write_suite
from tests.leaderboard.entry_study import (
    GOLDEN,
    METHODS,
    edit,
    submit,
    table,
    verify,
)

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.mark.parametrize("ending", ["md", "csv", "json"])
def test_golden_from_results_to_board(study: Path, ending: str) -> None:
    """The whole way: plan, result files, entries, board. Regenerate on purpose with UPDATE_GOLDEN=1."""
    compare(study / "boards" / f"small.{ending}")


def test_golden_latex_is_made_on_demand(mine: Path) -> None:
    assert table(mine, "--tex", str(mine / "small.tex")) == 0
    compare(mine / "small.tex")


def compare(file: Path) -> None:
    text, ending = file.read_text(encoding="utf-8"), file.suffix[1:]
    made = re.sub(r"\b[0-9a-f]{64}\b", "PROTOCOL", text)  # a metric's new version must not change this file
    golden = GOLDEN / f"entries.{ending}"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(made, encoding="utf-8")
    assert made == golden.read_text(encoding="utf-8")


def test_board_of_entries_needs_nothing_else(mine: Path) -> None:
    before = {path.name: path.read_bytes() for path in (mine / "boards").iterdir()}
    shutil.rmtree(mine / "runs")
    shutil.rmtree(mine / "boards")
    assert table(mine) == 0
    assert {path.name: path.read_bytes() for path in (mine / "boards").iterdir()} == before
    assert set(before) == {"small.md", "small.csv", "small.json"}


@pytest.mark.parametrize("method", METHODS)
def test_what_was_submitted_is_accepted(study: Path, method: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = study / "entries" / "small" / f"{method}.json"
    assert verify(study, path) == 0
    assert f"ok: {method} on small: 2 rows, seeds 0,1,2,3,4" in capsys.readouterr().out
    entry = read_entry(path)
    assert entry.to_json() == path.read_text()
    assert entry.command == "make bench SUITE=small"
    assert path.stat().st_size < 100_000


def test_an_entry_keeps_the_numbers_of_its_result_files(study: Path) -> None:
    entry = read_entry(study / "entries" / "small" / "none.json")
    results = {p.stem: read_result(p) for p in (study / "runs" / "small" / "results").glob("*.json")}
    checked = 0
    for row in entry.rows:
        for cell in row.cells:
            result = results[cell.key[:16]]
            for metric, values in cell.curves.items():
                assert [result.value(metric, t) for t in range(5)] == list(values)
                checked += 1
            assert row.primary[0] in cell.curves
            assert cell.cost == result.cost
    assert checked >= 10


def test_older_entries_are_migrated(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = mine / "entries" / "small" / "none.json"
    now = read_entry(path)
    edit(mine, lambda d: (d.pop("class_name"), d.update(schema=1)), "none")
    names = {1: lambda document: {**document, "class_name": now.class_name}}
    monkeypatch.setattr(en, "MIGRATIONS", {**en.MIGRATIONS, **names})
    assert read_entry(path) == now


def test_cells_of_entries_that_name_no_processor_are_of_an_unknown_one(mine: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["schema"] = 2
        for row in document["rows"]:
            for cell in row["cells"]:
                assert cell.pop("processor")

    path = edit(mine, change, "none")
    assert {cell.processor for row in read_entry(path).rows for cell in row.cells} == {""}


def test_submit_leaves_the_entry_of_another_class_as_it_is(mine: Path, capsys) -> None:
    path = edit(mine, lambda d: d.update(class_name="Theirs"))
    theirs = path.read_bytes()
    assert submit(mine, "accumulate") == 2
    assert "accumulate.json: holds Theirs, and 'accumulate' is accumulate now; allowed: " in capsys.readouterr().err
    assert path.read_bytes() == theirs
    path.unlink()
    assert submit(mine, "accumulate") == 0
    assert read_entry(path).class_name == "accumulate"


def test_submit_refuses_what_is_not_complete(mine: Path, capsys) -> None:
    results = mine / "runs" / "small" / "results"
    entry = read_entry(mine / "entries" / "small" / "accumulate.json")
    path = results / f"{entry.rows[0].cells[2].key[:16]}.json"
    whole = path.read_text()
    cell = read_result(path)
    metric = entry.rows[0].primary[0]
    cases = [
        (
            dataclasses.replace(cell, status="failed", error=CellError("fit", 3, "NaN loss")),
            "failed in fit 3: NaN loss",
        ),
        (dataclasses.replace(cell, status="incomplete"), "incomplete; allowed: complete cells"),
        (dataclasses.replace(cell, metrics=cell.metrics[:-1]), f"{metric} was not measured at every iteration"),
        (dataclasses.replace(cell, metrics=(), absent={metric: "no Java"}), "at every iteration (no Java)"),
    ]
    written = (mine / "entries" / "small" / "accumulate.json").read_bytes()
    for broken, words in cases:
        broken.write(path)
        assert submit(mine, "accumulate") == 2
        assert words in capsys.readouterr().err
    path.unlink()
    assert submit(mine, "accumulate") == 2
    error = capsys.readouterr().err
    assert f"accumulate on {entry.rows[0].name}, seed 2: no result file" in error
    assert f"(run 'make bench SUITE={mine / 'small.yaml'}' first)" in error
    path.write_text(whole)
    assert submit(mine, "accumulate", "--n", "8") == 2
    assert "allowed: no overrides" in capsys.readouterr().err
    assert submit(mine, "no_such_method") == 2
    assert (mine / "entries" / "small" / "accumulate.json").read_bytes() == written


def test_labels_of_what_is_accepted(mine: Path, capsys) -> None:
    def change(document):
        document["commits"] = ["ab" * 20 + "+"]
        document["rows"][0]["cells"][0]["device"] = "NVIDIA H200"
        document["rows"][0]["cells"][0]["key"] = "0" * 64

    assert verify(mine, edit(mine, change)) == 0
    out = capsys.readouterr().out
    assert "made by code that was not committed" in out
    assert "several kinds of hosts" in out
    assert "1 of 10 cells have another key now" in out


@pytest.mark.slow
def test_a_cell_runs_again_to_the_same_bits(tmp_path: Path, capsys) -> None:
    write_suite(tmp_path)
    plan = make_plan(str(tmp_path / "small.yaml"))
    outcome, _ = run_in_memory(plan, tmp_path / "runs" / "small" / "results")
    host = surroundings(Executions()) | {"threads": 1}  # what a worker process says of itself
    for result in outcome.results.values():
        cell = dataclasses.replace(result, execution=host)
        cell.write(tmp_path / "runs" / "small" / "results" / cell.file_name)
    assert submit(tmp_path, "none") == 0
    path = tmp_path / "entries" / "small" / "none.json"
    assert read_entry(path).versions == versions()
    capsys.readouterr()
    assert verify(tmp_path, path, "--rerun", "1", "--workers", "1") == 0
    assert "numbers are equal to the last bit" in capsys.readouterr().out
    assert verify(tmp_path, path, "--rerun", "9") == 2
    assert "no seed 9" in capsys.readouterr().err


def test_a_cell_that_differs_is_found(study: Path) -> None:
    entry = read_entry(study / "entries" / "small" / "accumulate.json")
    row = entry.rows[0]
    cell, metric = row.cells[0], row.primary[0]
    results = study / "runs" / "small" / "results"
    made = read_result(results / f"{cell.key[:16]}.json")
    assert compare_rerun(row, cell, entry.versions, made).problems == []
    nudged = copy.deepcopy(cell.curves)
    nudged[metric] = (*nudged[metric][:-1], nudged[metric][-1] + 1e-12)
    forged = dataclasses.replace(cell, curves=nudged)
    assert f"{metric} at 4" in compare_rerun(row, forged, entry.versions, made).problems[0]
    elsewhere = dataclasses.replace(made, execution={**made.execution, "device": "NVIDIA H200"})
    older = dataclasses.replace(made, execution={**made.execution, "processor": "AMD EPYC 23 1 AVX2"})
    unknown = dataclasses.replace(forged, processor="")
    for one, again in ((forged, elsewhere), (forged, older), (unknown, made)):
        found = compare_rerun(row, one, entry.versions, again)
        assert found.problems == []
        assert "its headlines agree within the noise of a seed; 0 of " in found.notes[0]
    assert "equal to the last bit" in compare_rerun(row, cell, entry.versions, older).notes[0]
    gpu = dataclasses.replace(forged, device="NVIDIA H200")
    assert "within the noise of a seed" in compare_rerun(row, gpu, entry.versions, elsewhere).notes[0]
    nudged[metric] = (*nudged[metric][:-1], nudged[metric][-1] + 100)
    assert compare_rerun(row, forged, entry.versions, elsewhere).problems != []
    assert compare_rerun(row, cell, {**entry.versions, "torch": "0"}, made).notes[0].endswith("last bit")


def local_board(home: Path, *arguments: str) -> dict[tuple[str, str], dict[str, str]]:
    assert table(home, *arguments) == 0
    rows = csv.DictReader(io.StringIO((home / "runs" / "small" / "leaderboard.csv").read_text()))
    return {(r["scenario"], r["mitigation"]): r for r in rows}


def test_local_rows_stand_beside_entries(mine: Path, capsys) -> None:
    (mine / "entries" / "small" / "fresh_real.json").unlink()
    results = mine / "runs" / "small" / "results"
    half = read_entry(mine / "entries" / "small" / "none.json").rows[0].cells[0].key[:16]
    (results / f"{half}.json").unlink()
    rows = local_board(mine)
    assert rows["single_model_generator", "fresh_real"]["origin"] == "local"
    assert rows["single_model_generator", "none"]["origin"] == "entry", "the local one lost a seed"
    assert rows["single_model_captioner", "none"]["origin"] == "local"
    assert rows["single_model_generator", "fresh_real"]["prevented"] != "", "scored with committed controls"
    page = (mine / "runs" / "small" / "leaderboard.md").read_text()
    assert "fresh_real (local)" in page
    assert "fresh_real" not in (mine / "boards" / "small.md").read_text()
    assert "(local)" not in (mine / "boards" / "small.md").read_text()


def test_entries_of_another_protocol_stay_out_of_the_local_board(mine: Path, capsys) -> None:
    rows = local_board(mine, "--n", "8")
    assert {r["origin"] for r in rows.values()} == {"local"}
    assert "entries of another protocol are not shown: none, real, accumulate" in capsys.readouterr().out


def test_sorting(mine: Path, capsys) -> None:
    local_board(mine, "--sort", "network_evaluations")
    rows = csv.DictReader(io.StringIO((mine / "runs" / "small" / "leaderboard.csv").read_text()))
    spent = [int(r["network_evaluations"]) for r in rows if r["modality"] == "generator" and r["role"] == "method"]
    assert spent == sorted(spent)
    capsys.readouterr()
    assert table(mine, "--sort", "variance_tail") == 0
    shown = capsys.readouterr().out
    assert "variance_tail@n=32" in shown
    assert max(map(len, shown.splitlines())) <= 120
    assert table(mine, "--sort", "colour") == 2
    assert "--sort: found 'colour'; allowed: start, end" in capsys.readouterr().err


def test_committed_schema_is_up_to_date(study: Path) -> None:
    path = Path(en.__file__).parent / "entry.schema.json"
    assert json.loads(path.read_text()) == json.loads(json.dumps(en.json_schema()))
    document = json.loads((study / "entries" / "small" / "none.json").read_text())
    assert set(en.json_schema()["properties"]) == set(document)


def test_order_of_entries_does_not_matter(study: Path) -> None:
    from leaderboard.markdown import markdown

    entries = read_entries("small", study / "entries")
    assert markdown(entry_board(reversed(entries))) == markdown(entry_board(entries))

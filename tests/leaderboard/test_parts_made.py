"""What is made of parts: the bytes of an entry made at once, whichever machine made which cell, and when."""

from __future__ import annotations

import fcntl
import json
import math
import os
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands import main as cli
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.reporting import submit as submitting
from benchmarks.reporting.submit import make_entry, make_part, rows_of
from leaderboard.entries import EntryError, read_entry
from leaderboard.entries_parts import Made, Origin, Part, read_part
from records.results import CellResult, read_results
from tests.engine.conftest import write_suite
from tests.leaderboard.entry_study import submit

pytestmark = pytest.mark.usefixtures("no_pictures")
METHOD = "accumulate"


@pytest.fixture
def plan(mine: Path) -> Plan:
    return make_plan(str(mine / "small.yaml"))


def results_of(home: Path, folder: str, change: Callable[[CellResult], CellResult], *seeds: int) -> Path:
    """Copy the results of some seeds, changed, into a folder of their own."""
    made = home / folder
    for result in read_results(home / "runs" / "small" / "results").values():
        if result.seed in seeds and result.rows[0].mitigation == METHOD:
            result = change(result)
            result.write(made / result.file_name)
    return made


def same(result: CellResult) -> CellResult:
    return result


def test_of_a_part_whose_cells_do_not_count_nothing_enters(mine: Path, plan: Plan) -> None:
    results = mine / "runs" / "small" / "results"
    once, (part, _) = make_entry(plan, METHOD, results), make_part(plan, METHOD, results)
    floors = {"generator/gone@clip,n=8": next(iter(once.rows[0].floors.values()))}
    rows = tuple(
        replace(row, floors=floors, cells=tuple(replace(c, key=f"{i:064x}") for i, c in enumerate(row.cells)))
        for row in part.rows
    )
    told: dict[str, Any] = {
        "rows": rows, "commits": ("1234567890+",), "created": "2031-01-01T00:00:00+00:00", "versions": {"torch": "1.0"},
    }  # fmt: skip
    origin = Origin(told["commits"], told["versions"], floors)
    made = {cell.key: Made(told["created"], 0) for row in rows for cell in row.cells}
    for stale in (replace(part, **told, made=made, origins=(origin,)), replace(once, **told)):
        now, lacking = make_part(plan, METHOD, results, [stale])
        assert now.entry().to_json() == once.to_json()
        assert lacking == []


def test_floors_are_those_of_the_last_seed_whichever_machine_made_it_first(mine: Path, plan: Plan) -> None:
    def elsewhere(result: CellResult) -> CellResult:
        floors = {m: replace(f, value=math.nextafter(f.value, 9.0)) for m, f in result.floors.items()}
        return replace(result, floors=floors, commit="cd" * 20, created="2030-02-02T00:00:00+00:00",
                       versions={"torch": "2.14.0"})  # fmt: skip

    here = results_of(mine, "here", elsewhere, 0, 1, 2)
    there = results_of(mine, "there", same, 3, 4)
    both = results_of(mine, "both", elsewhere, 0, 1, 2)
    assert results_of(mine, "both", same, 3, 4) == both
    once = make_entry(plan, METHOD, both)
    assert once.versions == {"torch": "mixed"}
    assert len(once.commits) == 2
    for first, then in ((here, there), (there, here)):
        part, _ = make_part(plan, METHOD, first)
        path = mine / "kept" / "small" / "accumulate.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(part.to_json())
        assert make_entry(plan, METHOD, then, [read_part(path, "small")]).to_json() == once.to_json()


def test_what_many_cells_share_stands_once_in_a_part(mine: Path, plan: Plan) -> None:
    part, _ = make_part(plan, METHOD, mine / "runs" / "small" / "results")
    assert len(part.made) == 10
    assert len(part.origins) == 2  # the floors of two scenarios
    assert part.whole


def test_a_cell_of_a_row_whose_headline_it_lacks_does_not_count(mine: Path, plan: Plan) -> None:
    part, _ = make_part(plan, METHOD, mine / "runs" / "small" / "results")
    row = part.rows[0]
    poor = replace(row.cells[0], curves={}, ends={})
    gone = replace(row.cells[1], ends={**row.cells[1].ends, "generator/gone@clip,n=8": (0.0, 1.0)})
    known = replace(part, rows=(replace(row, cells=(poor, gone, *row.cells[2:])), *part.rows[1:]))
    now, _ = make_part(plan, METHOD, mine / "nowhere", [known])
    assert [cell.seed for cell in now.rows[0].cells] == [1, 2, 3, 4]
    assert now.rows[0].cells[0] == row.cells[1]


def test_a_complete_cell_without_its_headline_is_named_and_the_others_are_kept(mine: Path, capsys) -> None:
    plan, results = make_plan(str(mine / "small.yaml")), mine / "runs" / "small" / "results"
    row = rows_of(plan, METHOD)[0]
    (mine / "entries" / "small" / "accumulate.json").unlink()
    result = read_results(results)[row.keys[2]]
    metric = next(m for m, about in result.info.items() if about.primary)
    points = tuple(replace(p, values={m: v for m, v in p.values.items() if m != metric}) for p in result.metrics)
    replace(result, metrics=points, absent={metric: "too few pairs"}).write(results / result.file_name)
    assert submit(mine, METHOD, "--parts", str(mine / "parts")) == 0
    said = capsys.readouterr().out
    assert f"left out: accumulate on {row.scenario}/{row.variant}, seed 2: {metric} was not measured" in said
    assert "(too few pairs)" in said
    assert "9 of 10 cells are complete" in said
    assert not (mine / "entries" / "small" / "accumulate.json").exists()


def test_a_part_is_of_its_suite_and_its_origins_are_there(mine: Path, plan: Plan, capsys) -> None:
    part, _ = make_part(plan, METHOD, results_of(mine, "some", same, 0))
    path = mine / "parts" / "small" / "accumulate.json"
    path.parent.mkdir(parents=True)
    for change, said in (
        ({"suite": "other"}, "is of suite other; allowed: small"),
        ({"origins": []}, "names an origin that is not there"),
        ({"origins": [{"commits": ["<b>"], "versions": {}, "floors": {}}]}, "a text of another alphabet"),
    ):
        path.write_text(json.dumps({**json.loads(part.to_json()), **change}))
        with pytest.raises(EntryError, match=said):
            read_part(path, "small")
        assert submit(mine, METHOD, "--parts", str(mine / "parts")) == 2
        assert said in capsys.readouterr().err
    path.write_text(part.to_json())
    with pytest.raises(EntryError, match="unknown"):
        read_entry(path)  # a part is no entry, wherever it is put


def test_nobody_else_writes_a_part_while_cells_are_added_to_it(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (mine / "entries" / "small" / "accumulate.json").unlink()
    looked: list[bool] = []

    def held(*given: Any) -> tuple[Part, list[str]]:
        handle = os.open(mine / "parts" / "small", os.O_RDONLY)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(handle)
        looked.append(True)
        return make_part(*given)

    monkeypatch.setattr(submitting, "make_part", held)
    assert submit(mine, METHOD, "--parts", str(mine / "parts")) == 0
    assert looked == [True]


def run(*words: object) -> int:
    return cli.main([str(word) for word in words])


def test_an_entry_made_of_parts_counts_as_made_on_a_machine_that_has_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    here = tmp_path / "my work"  # a space, which a printed command has to quote
    write_suite(here, seeds=[0, 1], mitigations=["none", "real"])
    monkeypatch.chdir(here)
    parts = ("--parts", "my parts")
    assert run("run", "small.yaml", "--seeds", "[0]", "--name", "small", "--workers", 0, "--no-mirror") == 0
    capsys.readouterr()
    assert run("submit", "small.yaml", "--method", "none", *parts) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("1 of 2 cells are complete; the others: mmcollapse run small.yaml ")
    again = shlex.split(said.partition("the others: ")[2])
    assert again[1:] == ["run", "small.yaml", "--parts=my parts"]
    assert run(*again[1:], "--workers", 0, "--no-mirror") == 0
    assert run("submit", "small.yaml", "--method", "none", *parts) == 0
    assert (here / "entries" / "small" / "none.json").is_file()
    assert not (here / "my parts" / "small" / "none.json").exists()
    capsys.readouterr()
    assert run("plan", "small.yaml", "--runs", "fresh", *parts, "--format", "json") == 0
    said_, noted = capsys.readouterr()
    assert {row["mitigation"] for row in json.loads(said_)["rows"]} == {"real"}
    assert "note: --parts: found no file in my parts/small; only what entries have is left out" in noted
    assert run("submit", "small.yaml", "--method", "real", *parts) == 0
    for command in ("run", "plan"):
        last = ("--workers", 0, "--no-mirror") if command == "run" else ()
        assert run(command, "small.yaml", "--runs", "fresh", *parts, *last) == 0
        assert "have every cell that was asked for; none is run" in capsys.readouterr().err
    assert not list((here / "fresh" / "small").glob("results/*"))


def test_cells_of_an_entry_count_when_seeds_were_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    write_suite(tmp_path, seeds=[0], mitigations=["none", "real"])
    monkeypatch.chdir(tmp_path)
    assert run("run", "small.yaml", "--runs", "a", "--workers", 0, "--no-mirror") == 0
    assert run("submit", "small.yaml", "--method", "none real", "--runs", "a") == 0
    write_suite(tmp_path, seeds=[0, 1], mitigations=["none", "real"])
    assert run("run", "small.yaml", "--runs", "b", "--parts", "parts", "--workers", 0, "--no-mirror") == 0
    assert len(read_results(tmp_path / "b" / "small" / "results")) == 2
    assert run("submit", "small.yaml", "--method", "none", "--runs", "b", "--parts", "parts") == 0
    (row,) = read_entry(tmp_path / "entries" / "small" / "none.json").rows
    assert [cell.seed for cell in row.cells] == [0, 1]

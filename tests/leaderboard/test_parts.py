"""A study that is run in parts: what is complete is kept as a small file, counts as done, and becomes the entry."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.commands import main as cli
from leaderboard.entries import read_entry
from leaderboard.entries_parts import read_part
from records.results import CellError, read_result
from tests.leaderboard.entry_study import edit, submit, verify

pytestmark = pytest.mark.usefixtures("no_pictures")


def only(home: Path, away: Path, seeds: set[int]) -> None:
    """Leave the result files of some seeds of accumulate, and bring back those moved away before."""
    results = home / "runs" / "small" / "results"
    away.mkdir(exist_ok=True)
    for file in away.glob("*.json"):
        file.rename(results / file.name)
    for row in read_entry(home / "whole" / "accumulate.json").rows:
        for cell in row.cells:
            if cell.seed not in seeds:
                file = results / f"{cell.key[:16]}.json"
                file.rename(away / file.name)


@pytest.fixture
def entry(mine: Path) -> Path:
    """The entry as it is made at once, out of the way; the study has none of accumulate."""
    path = mine / "entries" / "small" / "accumulate.json"
    (mine / "whole").mkdir()
    path.rename(mine / "whole" / path.name)
    return mine / "whole" / path.name


def planned(home: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    where = ["--runs", str(home / "runs"), "--format", "json"]
    assert cli.main(["plan", str(home / "small.yaml"), *where, *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_entry_made_in_parts_is_the_one_made_at_once(mine: Path, entry: Path, tmp_path: Path, capsys) -> None:
    parts, path = mine / "parts", mine / "entries" / "small" / "accumulate.json"
    part = parts / "small" / "accumulate.json"
    for seeds, said in (({0, 3}, "4 of 10 cells"), ({1}, "6 of 10 cells")):
        only(mine, tmp_path / "away", seeds)
        assert submit(mine, "accumulate", "--parts", str(parts)) == 0
        command = f"make bench SUITE={mine / 'small.yaml'} ARGS='--runs={mine / 'runs'} --parts={parts}'"
        assert f"{said} are complete; the others: {command}\n" in capsys.readouterr().out
        assert not path.exists()
    assert {cell.seed for row in read_part(part, "small").rows for cell in row.cells} == {0, 1, 3}
    only(mine, tmp_path / "away", {2, 4})
    assert submit(mine, "accumulate", "--parts", str(parts)) == 0
    assert path.read_bytes() == entry.read_bytes()
    assert not part.exists()
    assert verify(mine, path) == 0


def test_a_run_leaves_out_the_cells_of_parts(mine: Path, entry: Path, tmp_path: Path, capsys) -> None:
    only(mine, tmp_path / "away", {0, 3})
    parts, part = mine / "parts", mine / "parts" / "small" / "accumulate.json"
    (mine / "entries").rename(mine / "elsewhere")
    assert submit(mine, "accumulate", "--parts", str(parts)) == 0
    capsys.readouterr()
    whole, less = planned(mine, capsys), planned(mine, capsys, "--parts", str(parts))
    gone = {cell.key for row in read_part(part, "small").rows for cell in row.cells}
    assert set(whole["cells"]) - set(less["cells"]) == gone
    assert less["steps_unique"] < whole["steps_unique"]
    assert cli.main(["plan", str(mine / "small.yaml"), "--parts", str(parts)]) == 0
    assert f"--parts={parts}" in capsys.readouterr().out  # the command that runs what is shown
    for file in (entry, *(mine / "elsewhere" / "small" / f"{m}.json" for m in ("none", "real", "fresh_real"))):
        file.rename(parts / "small" / file.name)
    where = ["--runs", str(mine / "runs"), "--parts", str(parts)]
    assert cli.main(["run", str(mine / "small.yaml"), *where, "--workers", "0", "--no-mirror"]) == 0
    assert "have every cell that was asked for; none is run" in capsys.readouterr().err


def test_failed_cells_and_those_of_another_protocol_are_no_part(
    mine: Path, entry: Path, tmp_path: Path, capsys
) -> None:
    parts = mine / "parts"
    results = mine / "runs" / "small" / "results"
    cells = [cell for row in read_entry(entry).rows for cell in row.cells]
    for cell in cells[1:]:
        (results / f"{cell.key[:16]}.json").unlink()
    file = results / f"{cells[0].key[:16]}.json"
    done = read_result(file)
    (parts / "small").mkdir(parents=True)
    document = json.loads(entry.read_text())
    for row in document["rows"]:
        for number, cell in enumerate(row["cells"]):
            cell["key"] = f"{number:064x}"  # of a plan that is gone
    (parts / "small" / entry.name).write_text(json.dumps(document))
    assert submit(mine, "accumulate", "--parts", str(parts)) == 0
    assert [cell for row in read_part(parts / "small" / entry.name, "small").rows for cell in row.cells] == [cells[0]]
    (parts / "small" / entry.name).unlink()
    replace(done, status="failed", error=CellError("fit", 3, "NaN loss")).write(file)
    assert submit(mine, "accumulate", "--parts", str(parts)) == 2
    assert "has a complete cell; allowed: one or more" in capsys.readouterr().err


def test_a_part_of_another_class_stays_as_it_is(mine: Path, entry: Path, tmp_path: Path, capsys) -> None:
    only(mine, tmp_path / "away", {0})
    parts = mine / "parts"
    assert submit(mine, "accumulate", "--parts", str(parts)) == 0
    part = parts / "small" / "accumulate.json"
    (mine / "entries" / "small" / "accumulate.json").write_text(part.read_text())
    changed = edit(mine, lambda d: d.update(class_name="Theirs"))
    changed.rename(part)
    before = part.read_bytes()
    assert submit(mine, "accumulate", "--parts", str(parts)) == 2
    assert "holds Theirs" in capsys.readouterr().err
    assert part.read_bytes() == before

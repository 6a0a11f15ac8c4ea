"""`mmcollapse figures` writes what a paper needs, with the numbers of the board beside each picture."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmarks.commands import main as cli
from leaderboard.committed import entry_board
from leaderboard.entries import read_entries

SUITE = "scenes_board_generator"


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("figures")
    assert cli.main(["figures", SUITE, "--runs", str(home / "runs"), "--out", str(home), "--draw", "l2_base"]) == 0
    return home


def test_every_figure_is_there_as_pdf_png_and_numbers(folder: Path) -> None:
    for name in ("front", "trajectories", "prevented"):
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert rows(folder / f"{name}.csv")


def test_the_numbers_are_those_of_the_board(folder: Path) -> None:
    (group,) = entry_board(read_entries(SUITE)).groups
    lines = {line.mitigation: line for line in group.lines}
    for row in rows(folder / "prevented.csv"):
        assert float(row["prevented"]) == pytest.approx(lines[row["method"]].prevented.value, rel=1e-5)
    for row in rows(folder / "trajectories.csv"):
        curves = lines[row["method"]].reading.curves
        assert float(row["mean"]) == pytest.approx(curves[:, int(row["iteration"])].mean(), rel=1e-5)
    for row in rows(folder / "front.csv"):
        assert float(row["at"]) in {
            lines[row["method"]].cost.network_evaluations,
            lines[row["method"]].cost.real_samples,
        }


def test_a_method_that_is_not_there_is_said_in_one_sentence(tmp_path: Path, capsys) -> None:
    assert cli.main(["figures", SUITE, "--runs", str(tmp_path), "--out", str(tmp_path), "--draw", "nobody"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: --draw: found 'nobody'; allowed: ")
    assert len(said) < 300


def test_one_scenario_alone_is_drawn_and_another_one_refused(tmp_path: Path, capsys) -> None:
    where = ["--runs", str(tmp_path), "--out", str(tmp_path)]
    assert cli.main(["figures", "board", *where, "--scenario", "joint_finetune", "--draw", "accumulate"]) == 0
    found = rows(tmp_path / "trajectories.csv")
    assert {(row["scenario"], row["metric"].partition("/")[0]) for row in found} == {
        ("joint_finetune", "captioner"), ("joint_finetune", "generator"),
    }  # fmt: skip
    assert {row["loop"] for row in rows(tmp_path / "prevented.csv")} == {"joint_finetune/real_prompts"}
    assert cli.main(["figures", "board", *where, "--scenario", "joint"]) == 2
    assert "--scenario: found 'joint'; allowed: joint_finetune, " in capsys.readouterr().err


def test_a_suite_without_any_result_has_no_figure(tmp_path: Path, capsys) -> None:
    assert cli.main(["figures", "smoke", "--runs", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert "found no complete row" in capsys.readouterr().err

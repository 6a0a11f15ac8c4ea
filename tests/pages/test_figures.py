"""`mmcollapse figures` writes what a paper needs, with the numbers of the board beside each picture."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from benchmarks.commands import main as cli
from benchmarks.reporting.pages import colours, figures, fronts
from benchmarks.reporting.pages.drawn import page_svg
from benchmarks.reporting.pages.trajectories import panels, spec
from leaderboard.committed import entry_board
from leaderboard.entries import read_entries

SUITE = "scenes_board_captioner"


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


def test_a_method_beyond_the_panel_is_named_by_its_number_and_nothing_is_drawn_over_the_names(tmp_path: Path) -> None:
    low = {"name": "worse", "prevented": -7.7, "low": -9.97, "high": -5.42, "rank": "2-2", "p": None, "side": "both"}
    placed = figures._placed({"method": "worse", **low})
    assert (placed["x"], placed["from"], placed["to"]) == (fronts.LOW,) * 3
    assert placed["off"] == "-7.70 [-9.97, -5.42]"
    assert placed["ink"] == colours.NONE
    inside = figures._placed({"method": "better", **low, "prevented": 0.5, "low": 0.1, "high": 9.0})
    assert (inside["x"], inside["from"], inside["to"], inside["off"]) == (0.5, 0.1, fronts.HIGH, "")
    assert inside["ink"] == colours.ON
    unsure = figures._placed({"method": "unsure", **low, "prevented": 0.5, "low": -0.1, "high": 0.9})
    assert unsure["ink"] == colours.OFF


def test_methods_of_one_colour_keep_their_own_bands() -> None:
    """A palette comes back when it is used up: two bands joined by their colour zigzag between the two."""
    board = entry_board(read_entries(SUITE))
    (group,) = board.groups
    (panel,) = panels(board, group, [group.metric])
    assert len(panel.curves) > 2 + len(colours.PALETTE)
    drawn = spec(panel, colours.styles(curve.method for curve in panel.curves))
    svg = page_svg(drawn, "curves")
    areas = re.findall(r'<path[^>]*fill-opacity="0.14"', svg)
    assert len(areas) == len(panel.curves)


def test_a_figure_of_few_methods_gives_each_a_colour_of_its_own() -> None:
    board = entry_board(read_entries(SUITE))
    named = [line.mitigation for line in board.groups[0].lines if line.mitigation not in ("none", "real")]
    drawn = figures.trajectory_figure(board, named[:: len(named) // 6][:6])
    assert drawn is not None
    text = json.dumps(drawn.spec)
    assert len({colour for colour in colours.PALETTE if colour in text}) == 6

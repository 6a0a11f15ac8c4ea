"""What a method lets a model learn is read from rows that ran with the same knobs, and of others it is not known."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.reporting.boards import write_entry_board
from leaderboard.entries import FOLDER, read_entries
from leaderboard.learning import read_learning

RENAMED = "scenes_renamed"
KNOBS = {entry.method: entry.init_args for entry in read_entries("board")}


def test_the_knobs_of_the_committed_board_are_those_that_learning_was_tried_with() -> None:
    found = read_learning({"captioner": RENAMED}, FOLDER, KNOBS)
    assert found == read_learning({"captioner": RENAMED}, FOLDER)
    assert {"wise_ft", "l2_base", "kl_base", "ema"} <= found["captioner"].shares.keys()


@pytest.mark.parametrize(
    ("method", "knobs", "row"),
    [
        ("wise_ft", {"alpha": 0.1}, "real_wise_ft"),
        ("wise_ft", {}, "real_wise_ft"),
        ("fresh_real", {"fraction": 1.0}, "fresh_real"),
    ],
)
def test_other_knobs_are_another_method(method: str, knobs: dict[str, float], row: str) -> None:
    plain = read_learning({"captioner": RENAMED}, FOLDER, {**KNOBS, method: KNOBS[method]})["captioner"]
    found = read_learning({"captioner": RENAMED}, FOLDER, {**KNOBS, method: knobs})["captioner"]
    assert method in {**plain.shares, **plain.own}
    kept = found.shares if row.startswith("real_") else found.own
    assert method not in kept
    assert found.dropped[row] == "other knobs than here"
    assert found.shares.keys() ^ plain.shares.keys() <= {method}
    if row.startswith("real_"):
        assert found.absent(method) == f"{row} (other knobs than here)"


def test_a_composed_method_is_compared_part_by_part() -> None:
    parts = [{"class_path": "benchmarks.mitigations.wise_ft.BaseAverage", "init_args": {"alpha": 0.5}}]
    more = [*parts, {"class_path": "benchmarks.mitigations.ema.MovingAverage", "init_args": {"decay": 0.5}}]
    for knobs, known in (({"parts": parts}, True), ({"parts": more}, False), ({"parts": 2}, False)):
        found = read_learning({"captioner": RENAMED}, FOLDER, {"wise_ft": knobs})["captioner"]
        assert ("wise_ft" in found.shares) is known


def test_a_board_says_that_its_method_was_not_tried(tmp_path: Path) -> None:
    for suite in ("scenes_board_captioner", RENAMED):
        shutil.copytree(FOLDER / suite, tmp_path / "entries" / suite)
    file = tmp_path / "entries" / "scenes_board_captioner" / "wise_ft.json"
    file.write_text(file.read_text().replace('"alpha": 0.5', '"alpha": 0.25'))
    assert '"alpha": 0.25' in file.read_text()
    written = write_entry_board("scenes_board_captioner", tmp_path / "entries", tmp_path / "boards")
    page = next(path for path in written if path.suffix == ".md").read_text()
    assert "real\\_wise\\_ft (other knobs than here)" in page or "real_wise_ft (other knobs than here)" in page

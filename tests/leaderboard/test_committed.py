"""What is committed: every entry is accepted by the current plan of its suite, and boards follow from entries alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.commands.entries import check_entry
from benchmarks.reporting.boards import write_entry_board
from benchmarks.reporting.submit import plan_with
from benchmarks.study.loading import SUITES as SHIPPED
from leaderboard.entries import FOLDER, read_entries
from leaderboard.entries_parts import read_parts
from records.names import CONTROLS

MITIGATIONS = SHIPPED / "mitigations"
PARTS = FOLDER.parent / "parts"
SUITES = sorted(path.name for path in FOLDER.glob("*") if path.is_dir())
UNDER_WAY = sorted(path.name for path in PARTS.glob("*") if path.is_dir())


@pytest.mark.parametrize("suite", SUITES)
def test_committed_entries_are_accepted(suite: str) -> None:
    entries = read_entries(suite)
    controls = {row.mitigation for row in plan_with(suite).rows} & set(CONTROLS)
    assert controls <= {entry.method for entry in entries}, "a board needs its controls"
    known = [entry.method for entry in entries if (MITIGATIONS / f"{entry.method}.yaml").is_file()]
    plan = plan_with(suite, known)
    for entry in entries:
        assert check_entry(entry, plan).problems == [], entry.method


@pytest.mark.parametrize("suite", UNDER_WAY)
def test_committed_parts_hold_cells_of_the_current_plan_and_are_in_no_entry(suite: str) -> None:
    parts, whole = read_parts(suite, PARTS), {entry.method for entry in read_entries(suite)}
    for part in parts:
        plan = plan_with(suite, [part.method])
        keys = {key for row in plan.rows if row.mitigation == part.method for key in row.keys}
        assert {cell.key for row in part.rows for cell in row.cells} <= keys, f"run: make submit SUITE={suite}"
        assert not part.whole
        assert part.method not in whole


def test_the_page_of_a_study_is_published() -> None:
    assert list((FOLDER.parent / "boards").glob("*.html"))


@pytest.mark.parametrize("suite", sorted({*SUITES, *UNDER_WAY}))
def test_committed_boards_follow_from_entries(suite: str, tmp_path: Path) -> None:
    boards = FOLDER.parent / "boards"
    for made in write_entry_board(suite, None, tmp_path, publish=(boards / f"{suite}.html").is_file()):
        committed = boards / made.name
        assert made.read_bytes() == committed.read_bytes(), f"run: make leaderboard SUITE={suite}"

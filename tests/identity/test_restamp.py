"""Entries from before classes had names: stamped anew where they are proved equal, refused elsewhere."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from benchmarks.study.loading import ROOT
from leaderboard.entries import EntryError, read_entry
from tests.identity.restamp import restamp

FORMER = Path(__file__).parent / "former"
ENTRIES = {"real.json": "scenes_textures", "real_wise_ft.json": "scenes_renamed"}


@pytest.mark.parametrize(("name", "suite"), ENTRIES.items())
def test_a_former_entry_gets_todays_digests_and_keeps_its_numbers(name: str, suite: str, tmp_path: Path) -> None:
    shutil.copy(FORMER / name, tmp_path / name)
    old = read_entry(tmp_path / name)
    restamp(tmp_path / name)
    assert (tmp_path / name).read_bytes() == (ROOT / "leaderboard" / "entries" / suite / name).read_bytes()
    new = read_entry(tmp_path / name)
    for before, after in zip(old.rows, new.rows, strict=True):
        assert [dataclasses.replace(c, key="") for c in before.cells] == [
            dataclasses.replace(c, key="") for c in after.cells
        ]
        assert before.floors == after.floors
        assert not {c.key for c in before.cells} & {c.key for c in after.cells}


def test_a_former_baseline_gets_todays_digests(tmp_path: Path) -> None:
    shutil.copy(FORMER / "analytic.json", tmp_path / "analytic.json")
    restamp(tmp_path / "analytic.json")
    assert (tmp_path / "analytic.json").read_bytes() == (
        ROOT / "leaderboard" / "baselines" / "analytic.json"
    ).read_bytes()


@pytest.mark.parametrize("what", ["protocol", "key"])
def test_an_entry_of_something_else_is_refused_and_left_alone(what: str, tmp_path: Path) -> None:
    text = (FORMER / "real.json").read_text()
    row = json.loads(text)["rows"][0]
    digest = row["cells"][0]["key"] if what == "key" else next(iter(row["info"].values()))["protocol"]
    broken = text.replace(digest, "0" * 64)
    (tmp_path / "real.json").write_text(broken)
    with pytest.raises(EntryError, match=f"its {what} 000000000000 is not what the"):
        restamp(tmp_path / "real.json")
    assert (tmp_path / "real.json").read_text() == broken

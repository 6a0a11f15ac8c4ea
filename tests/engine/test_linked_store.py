"""A store that is a link to another disk: what studies need and keep is known as it is in a folder."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands.main import main
from benchmarks.storage.store import LocalStore, Record
from benchmarks.storage.wanted import kept_elsewhere, note, noted, unknown

KEY = "ab" + "0" * 62


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of runs whose store is elsewhere, with an old artifact."""
    store, folder = tmp_path / "scratch" / "large" / "store", tmp_path / "runs"
    store.mkdir(parents=True)
    (folder / "study").mkdir(parents=True)
    (folder / "store").symlink_to(store)
    LocalStore(folder / "store").put(Record(KEY, "sample"), {"x": 1})
    for path in store.rglob("*"):
        os.utime(path, (time.time() - 7200,) * 2)
    return folder


def note_as_before(store: Path, where: str) -> None:
    """Write a note with the way back from the link, as older versions did."""
    data = {"home": where, "command": "run it", "keys": [KEY], "kept": [KEY]}
    (store / "wanted").mkdir()
    (store / "wanted" / "0123456789abcdef.json").write_text(json.dumps(data))


@pytest.mark.parametrize("older", [False, True])
def test_what_a_study_needs_and_keeps_stays(older: bool, runs: Path, tmp_path: Path, capsys: Any) -> None:
    store = LocalStore(runs / "store")
    if older:
        note_as_before(store.root, "../study")
    else:
        note(store.root, runs / "study", "run it", [KEY], kept=[KEY])
    for root in (store.root, *([] if older else [tmp_path / "scratch" / "large" / "store"])):
        assert [wanted.keys for wanted in noted(root)] == [{KEY}]
        assert kept_elsewhere(root, runs / "other") == {KEY}
        assert kept_elsewhere(root, runs / "study") == set()
    assert main(["gc", str(runs), "--delete"]) == 0
    assert "needed by   run it" in capsys.readouterr().out
    assert store.has(KEY)
    (runs / "study" / "results").mkdir()
    assert unknown(store.root, runs, []) == []


def test_what_a_study_needed_that_is_gone_goes(runs: Path) -> None:
    store = LocalStore(runs / "store")
    note(store.root, runs / "study", "run it", [KEY], kept=[KEY])
    (runs / "study").rmdir()
    assert noted(store.root) == []
    assert main(["gc", str(runs), "--delete"]) == 0
    assert not store.has(KEY)


def test_both_can_be_moved(runs: Path, tmp_path: Path) -> None:
    note(runs / "store", runs / "study", "run it", [KEY])
    (tmp_path / "moved").mkdir()
    for name in ("runs", "scratch"):
        (tmp_path / name).rename(tmp_path / "moved" / name)
    assert [wanted.keys for wanted in noted(tmp_path / "moved" / "scratch" / "large" / "store")] == [{KEY}]

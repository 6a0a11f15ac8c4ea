"""What killed processes have left in a store goes, files too; what another run makes meanwhile stays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from benchmarks.storage import store as stores
from benchmarks.storage.garbage import find, free
from benchmarks.storage.manifests import DROPPED
from benchmarks.storage.store import LocalStore, Record

KEY = "ab" + "0" * 62


@pytest.fixture
def left(tmp_path: Path) -> list[Path]:
    """Files that were to be gone in a moment, of a process that is gone, and a folder."""
    aside = LocalStore(tmp_path / "store").root / "tmp"
    names = ("room-by-000000000000-1-1-x", "probe-0123", "spool-0123", "link")
    file, probe, spool, link = (aside / name for name in names)
    for path in (file, probe):
        path.write_bytes(b"1" * 100)
    spool.mkdir()
    (spool / "pictures").write_bytes(b"1" * 100)
    link.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    for path in (file, probe, spool, tmp_path / "elsewhere"):
        os.utime(path, (1, 1))
    return [file, probe, spool, link]


@pytest.mark.parametrize("how", ["run", "gc"])
def test_files_that_were_left_aside_go_as_folders_do(how: str, left: list[Path], tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    if how == "run":
        store.sweep(3600)
    else:
        found = find(store.root, set())
        assert found.left == sorted(left)
        free(store.root, found)
    assert not any(os.path.lexists(path) for path in left)
    assert (tmp_path / "elsewhere").is_dir()  # what a link leads to is not the store's


def test_files_that_somebody_may_be_at_stay(left: list[Path], tmp_path: Path) -> None:
    for path in left[:3]:
        os.utime(path)
    LocalStore(tmp_path / "store").sweep(3600)
    assert all(path.exists() for path in left[:3])


def test_a_drop_takes_no_value_that_another_run_has_just_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = LocalStore(tmp_path), LocalStore(tmp_path)
    mine.put(Record(KEY, "metrics"), {"x": 1})
    plain, made = os.replace, []

    def late(old: Any, new: Any) -> None:
        plain(old, new)
        if Path(new).name == DROPPED and not made:
            made.append(new)
            theirs.put(Record(KEY, "metrics"), {"x": 1})

    monkeypatch.setattr(stores.os, "replace", late)
    mine.drop(KEY)
    assert made
    assert LocalStore(tmp_path).get(KEY) == {"x": 1}
    mine.drop(KEY)
    assert not mine.has(KEY)
    assert not (mine.folder(KEY) / "value").exists()

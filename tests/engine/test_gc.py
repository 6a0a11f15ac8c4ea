"""What no study needs is shown and, where that is asked for, freed; what any study needs stays."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands.collect import in_bytes
from benchmarks.commands.main import main
from benchmarks.planning.planner import make_plan
from benchmarks.running.executors import InProcessExecutor
from benchmarks.running.study import run_study
from benchmarks.storage.garbage import find, free
from benchmarks.storage.store import LocalStore, Record
from tests.engine.conftest import write_suite
from tests.engine.test_hooks import method

HALF = 'reads = {"curate": ("new",)}\ndef curate(self, ctx):\n    return ctx.new.take([0] * len(ctx.new))\n'


def run(runs: Path, suite: Path, *more: str) -> None:
    assert main(["run", str(suite), "--runs", str(runs), "--workers", "0", "--no-mirror", "--seeds", "[0]", *more]) == 0


def grow_old(folder: Path) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (time.time() - 7200,) * 2)


def used(folder: Path) -> int:
    """Return the bytes of files below a folder, one under several names once."""
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return sum({found.st_ino: found.st_size for found in files}.values())


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three studies: one of another T, one with a method, and a study of other pictures that is no longer there."""
    suite, folder = write_suite(tmp_path), tmp_path / "runs"
    run(folder, suite)
    run(folder, suite, "--method", method(tmp_path, HALF))
    run(folder, suite, "--n", "8")
    gone = [home for home in (folder / "small" / "with").iterdir() if "n,8" in home.name]
    assert len(gone) == 1
    shutil.rmtree(gone[0])
    grow_old(folder / "store")
    return folder


def test_what_is_needed_stays_and_the_rest_goes(runs: Path, tmp_path: Path, capsys: Any) -> None:
    store, before = runs / "store", LocalStore.listing(runs / "store")
    capsys.readouterr()
    assert main(["gc", str(runs)]) == 0
    dry = capsys.readouterr().out
    assert LocalStore.listing(store) == before
    assert "to free: add --delete" in dry
    assert len(dry.splitlines()) < 25
    held = used(store)
    assert main(["gc", str(runs), "--delete"]) == 0
    said = capsys.readouterr().out
    left = LocalStore.listing(store)
    plan = make_plan(str(tmp_path / "small.yaml"), ["--seeds", "[0]"])
    other = make_plan(str(tmp_path / "small.yaml"), ["--seeds", "[0]", "--n", "8"])
    assert left < before
    assert set(plan.steps) <= left
    assert before - left == set(other.steps) & before - left
    assert len(before - left) == len(set(other.steps) - set(plan.steps))
    assert f"not needed  {len(before - left)} artifacts: curate " in said
    assert said.splitlines()[-1] == f"{in_bytes(held - used(store))} freed"
    assert not list((store / "tmp").iterdir())
    run(runs, tmp_path / "small.yaml", "--method", method(tmp_path, HALF))
    assert LocalStore.listing(store) == left


def test_a_suite_that_is_named_stays(runs: Path, tmp_path: Path, capsys: Any) -> None:
    (runs / "store" / "wanted").rename(tmp_path / "wanted")
    shutil.rmtree(runs / "small")
    other = tmp_path / "other"
    before, suite = LocalStore.listing(runs / "store"), write_suite(other, n=8, seeds=[0])
    assert main(["gc", str(runs), "--suite", str(suite), "--delete"]) == 0
    left = LocalStore.listing(runs / "store")
    assert left == before & set(make_plan(str(suite)).steps)
    assert left


def test_what_is_young_stays(runs: Path) -> None:
    store = LocalStore(runs / "store")
    store.put(Record("ab" + "0" * 62, "metrics"), {"values": {}})
    aside = store.root / "tmp" / "somebody-else"
    aside.mkdir()
    found = find(store.root, LocalStore.listing(store.root) - {"ab" + "0" * 62})
    assert (found.folders, found.left) == ([], [])
    os.utime(aside, (0, 0))
    assert find(store.root, LocalStore.listing(store.root)).left == [aside]
    mine = find(store.root, set(), young=-1.0)
    assert store.folder("ab" + "0" * 62) in mine.folders


def test_pictures_that_another_artifact_holds_are_not_counted(tmp_path: Path) -> None:
    keys = [digit * 64 for digit in "ab"]
    for key in keys:
        LocalStore(tmp_path).put(Record(key, "images"), {"values": {"x": 1}})
    shared = LocalStore(tmp_path).folder(keys[0]) / "value" / "shared"
    shared.write_bytes(b"x" * 1000)
    os.link(shared, LocalStore(tmp_path).folder(keys[1]) / "value" / "shared")
    both, one = find(tmp_path, (), young=-1.0), find(tmp_path, (keys[0],), young=-1.0)
    assert both.size - 1000 == 2 * one.size
    free(tmp_path, one)
    assert LocalStore.listing(tmp_path) == {keys[0]}
    assert shared.read_bytes() == b"x" * 1000


@pytest.mark.parametrize("how", ["no file", "a broken file"])
def test_nothing_goes_where_it_is_not_known_what_is_needed(how: str, runs: Path, tmp_path: Path, capsys: Any) -> None:
    before, wanted = LocalStore.listing(runs / "store"), runs / "store" / "wanted"
    for file in wanted.iterdir():
        file.unlink() if how == "no file" else file.write_text("{")
    assert main(["gc", str(runs), "--delete"]) == 2
    said = capsys.readouterr().err
    assert ("not known what it needs" if how == "no file" else "cannot be read") in said
    assert LocalStore.listing(runs / "store") == before
    if how == "no file":
        assert main(["gc", str(runs)]) == 0
        assert "note: " in capsys.readouterr().out
        run(runs, tmp_path / "small.yaml")
        run(runs, tmp_path / "small.yaml", "--method", method(tmp_path, HALF))
        assert main(["gc", str(runs), "--delete"]) == 0


def test_a_folder_without_a_store_is_refused(tmp_path: Path, capsys: Any) -> None:
    assert main(["gc", str(tmp_path)]) == 2
    assert "found no store in it" in capsys.readouterr().err


def test_a_study_that_has_no_result_yet_needs_what_it_has_made(tmp_path: Path, capsys: Any) -> None:
    """The first cell of a large study takes days; what it has computed is needed from the first step on."""
    plan, runs = make_plan(str(write_suite(tmp_path, seeds=[0]))), tmp_path / "runs"

    class Killed(InProcessExecutor):
        def run(self, steps: Any, store: Any, listener: Any) -> None:
            super().run(steps[:6], store, listener)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(plan, runs, executor=Killed(), mirror=False)
    grow_old(runs / "store")
    made = LocalStore.listing(runs / "store")
    assert made
    assert main(["gc", str(runs), "--delete"]) == 0
    assert LocalStore.listing(runs / "store") == made
    assert "not needed  0 artifacts" in capsys.readouterr().out

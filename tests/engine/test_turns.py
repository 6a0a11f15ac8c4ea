"""Leases of steps: who has one, when it dies, who takes it over; clocks are told, and may be wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.storage.alive import Run, Watch, machine, parse, started, tell
from benchmarks.storage.marks import FolderMarks
from benchmarks.storage.store import LocalStore, Record
from benchmarks.storage.turns import Turns

KEY, OTHER = "ab" + "0" * 62, "cd" + "1" * 62


class Clock:
    """A clock that is told."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Machine:
    """A run on another machine: its signs of life are given by the test, and its process is not of this one."""

    def __init__(self, root: Path, work: str = "w", now: float = 0.0) -> None:
        self.clock, self.beats = Clock(now), 0
        self.turns = Turns(root, work, clock=self.clock)
        self.turns.run = replace(self.turns.run, machine=f"elsewhere {id(self)}")
        self.beat()

    def beat(self) -> None:
        self.beats += 1
        self.turns.beat(self.beats)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return LocalStore(tmp_path / "store").root


@pytest.fixture
def enter(root: Path) -> Iterator[Callable[..., Turns]]:
    """Return what makes runs of this process, which live until the test ends."""
    with ExitStack() as stack:
        yield lambda work="w", **how: stack.enter_context(Turns(root, work, **how))


def test_a_step_is_one_runs_at_a_time(root: Path, enter: Callable[..., Turns]) -> None:
    one, two = enter(), enter()
    assert one.take(KEY)
    assert one.take(KEY), "it is its own"
    assert not two.take(KEY)
    assert two.held(KEY)
    assert not one.held(KEY)
    assert two.take(OTHER)
    one.release(KEY)
    assert not two.held(KEY)
    assert two.take(KEY)
    assert not one.take(KEY)


def test_at_the_end_nothing_is_left(root: Path) -> None:
    with Turns(root, "w") as turns:
        assert turns.take(KEY)
        assert turns.take(OTHER)
    assert [path for path in root.rglob("*") if path.is_file()] == []


def test_a_lease_dies_where_its_run_gives_no_sign_for_the_period(root: Path, enter: Callable[..., Turns]) -> None:
    far, clock = Machine(root), Clock()
    assert far.turns.take(KEY)
    near = enter(clock=clock)
    for clock.now in (0.0, 29.0):
        assert not near.take(KEY)
    far.beat()
    for clock.now in (31.0, 60.0):
        assert not near.take(KEY), "it gave a sign"
    clock.now = 61.5
    assert not near.held(KEY)
    assert near.take(KEY)
    assert not near.held(KEY), "by another"
    far.beat()
    assert far.turns.held(KEY), "who was thought dead finds it taken"


@pytest.mark.parametrize("skew", [-1e9, 0.0, 1e9])
def test_clocks_that_differ_do_no_harm(skew: float, root: Path, enter: Callable[..., Turns]) -> None:
    far, clock = Machine(root, now=skew), Clock()
    assert far.turns.take(KEY)
    near = enter(clock=clock)
    for second in range(0, 300, 10):
        clock.now = float(second)
        far.clock.now = skew + 3 * second  # which runs fast, too
        far.beat()
        os.utime(root / "running" / far.turns.name, (0, 0))  # times of files tell nothing
        assert not near.take(KEY), second
    for clock.now in (299.0, 330.0):
        taken = near.take(KEY)
    assert taken


def test_a_process_of_this_machine_is_known_to_be_dead_at_once(root: Path, enter: Callable[..., Turns]) -> None:
    code = (
        "import sys; from pathlib import Path; from benchmarks.storage.turns import Turns\n"
        "with Turns(Path(sys.argv[1]), 'w') as turns:\n"
        "    print(turns.take(sys.argv[2]), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(root), KEY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        mine = enter()
        assert not mine.take(KEY)
        assert len(mine.others()) == 1
        process.kill()
        process.wait()
    assert mine.take(KEY), "though its lease and its file are there"
    assert list(mine.watch.runs()) == [mine.name]


def test_a_number_of_a_process_that_another_has_by_now_is_no_sign_of_life(root: Path) -> None:
    marks, run = FolderMarks(root), Run.here("w")
    assert not run.ended
    assert replace(run, started="1").ended
    assert not replace(run, started="1", machine="another").ended
    tell(marks, "a", replace(run, started="1"), 0)
    assert (root / "running" / "a").exists()
    assert not Watch(marks).lives("a")
    assert not (root / "running" / "a").exists()
    assert started(os.getpid())
    assert machine() == machine()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"work": 1}', "null\n3\n"])
def test_a_file_that_says_nothing_is_given_the_period(text: str, root: Path) -> None:
    (root / "running").mkdir()
    (root / "running" / "odd").write_text(text)
    clock = Clock()
    watch = Watch(FolderMarks(root), clock=clock)
    assert parse(text) is None
    assert watch.lives("odd")
    assert watch.runs() == {"odd": None}
    clock.now = 31.0
    assert not watch.lives("odd")
    assert watch.runs() == {}


def test_a_lease_that_was_cut_short_is_given_the_period(root: Path, enter: Callable[..., Turns]) -> None:
    clock = Clock()
    mine = enter(clock=clock)
    mine.take(OTHER)
    file = root / KEY[:2] / f"{KEY}.turn0"
    file.parent.mkdir(exist_ok=True)
    file.touch()
    assert not mine.take(KEY)
    clock.now = 31.0
    assert mine.take(KEY)
    mine.release(KEY)
    assert not list(file.parent.iterdir())


def raced(runs: Sequence[Turns], keys: Sequence[str]) -> dict[str, list[int]]:
    """Have all runs take all steps at once, each in a thread; return the numbers of those that had each of them."""
    won: dict[str, list[int]] = {key: [] for key in keys}
    start = threading.Barrier(len(runs))

    def race(number: int) -> None:
        start.wait()
        for key in keys:
            if runs[number].take(key):
                won[key].append(number)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(len(runs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won


def test_of_all_that_take_over_one_does(root: Path, enter: Callable[..., Turns]) -> None:
    """Threads race for steps of a dead run, again and again."""
    keys = [f"{i:02x}" + "0" * 62 for i in range(100)]
    dead = Machine(root)
    for key in keys:
        assert dead.turns.take(key)
    runs = [enter() for _ in range(4)]
    for run in runs:
        run.marks.remove(f"running/{dead.turns.name}")  # as one that was found dead
    assert all(len(winners) == 1 for winners in raced(runs, keys).values())


def test_who_was_thought_dead_and_goes_on_takes_nothing_away(root: Path, enter: Callable[..., Turns]) -> None:
    far, clock = Machine(root), Clock()
    far.turns.take(KEY)
    near, third = enter(clock=clock), enter()
    assert not near.take(KEY)
    clock.now = 31.0
    assert near.take(KEY)
    far.beat()
    store = LocalStore(root)
    for value in (1, 1):  # both make it
        store.put(Record(KEY, "metrics"), {"values": {"x": value}})
    far.turns.release(KEY)
    assert store.get(KEY) == {"values": {"x": 1}}
    assert not third.take(KEY), "the other still has it"
    near.release(KEY)
    assert third.take(KEY)


def test_runs_of_other_work_are_strangers(root: Path, enter: Callable[..., Turns]) -> None:
    clock = Clock()
    mine = enter(clock=clock)
    assert not mine.strangers
    assert not mine.met
    enter()
    clock.now = 10.0
    assert not mine.strangers
    assert mine.met
    enter("other work")
    assert not mine.strangers, "it looks now and then"
    clock.now = 20.0
    assert mine.strangers


def test_leases_are_no_artifacts(root: Path, enter: Callable[..., Turns]) -> None:
    store: Any = LocalStore(root)
    mine = enter()
    mine.take(KEY)
    assert store.done() == set()
    assert store.recorded() == set()
    store.put(Record(KEY, "metrics"), {"values": {}})
    assert store.done() == {KEY}


def test_a_full_disk_stops_no_lease(root: Path, enter: Callable[..., Turns], monkeypatch: pytest.MonkeyPatch) -> None:
    """The step itself will say what is wrong with the disk."""
    mine, plain = enter(), os.open

    def full(path: Any, flags: int, *mode: int) -> int:
        if flags & os.O_EXCL and str(path).endswith(".turn0"):
            raise OSError(28, os.strerror(28), str(path))
        return plain(path, flags, *mode)

    monkeypatch.setattr(os, "open", full)
    assert mine.take(KEY)
    mine.release(KEY)
    monkeypatch.undo()
    assert enter().take(KEY)

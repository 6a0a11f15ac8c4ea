"""The schedule alone: no process, no store."""

from __future__ import annotations

import random
from typing import Any

import pytest

from benchmarks.running.schedule import Schedule


class Stub:
    """As much of a step as a schedule asks for."""

    def __init__(self, key: str, *parents: str, first: bool = False) -> None:
        self.key, self.parents, self.first = key, parents, first


def schedule(*steps: Any, **how: Any) -> Schedule:
    return Schedule(steps, **how)


def test_inputs_come_before_their_readers_and_earlier_steps_first() -> None:
    left = schedule(Stub("a"), Stub("b", "a"), Stub("c"), Stub("d", "b", "c"))
    assert left.open(9) == ["a", "c"]
    left.begin("a")
    assert left.open(9) == ["c"]
    left.begin("c")
    assert left.open() == []
    left.done("a")
    assert left.open() == ["b"]
    left.begin("b")
    left.done("c")
    left.done("b")
    assert left.open() == ["d"]
    left.begin("d")
    assert not left.over
    left.done("d")
    assert left.over


def test_a_failed_step_takes_down_its_readers_alone() -> None:
    left = schedule(Stub("a"), Stub("b", "a"), Stub("c", "b"), Stub("d"))
    left.begin("a")
    left.failed("a")
    assert left.open(9) == ["d"]
    left.begin("d")
    left.done("d")
    assert left.over, "b and c will never be ready"


def test_trials_run_alone_and_a_failed_one_ends_the_rest() -> None:
    trials = [Stub("t", first=True), Stub("u", first=True)]
    left = schedule(*trials, Stub("a"), Stub("b"))
    assert left.open(9) == ["t"]
    left.begin("t")
    assert left.open(9) == []
    left.failed("t")
    assert left.open(9) == ["u"], "all of them are told"
    left.begin("u")
    left.done("u")
    assert left.over


def test_a_trial_that_another_run_does_is_waited_for() -> None:
    left = schedule(Stub("t", first=True), Stub("a"))
    left.leave("t")
    assert left.open(9) == []
    assert not left.over
    left.done("t")
    assert left.open(9) == ["a"]


def test_what_was_in_flight_when_a_pool_went_down_is_tried_alone() -> None:
    left = schedule(Stub("a"), Stub("b"), Stub("c"), Stub("d", "b"))
    for key in ("a", "b"):
        left.begin(key)
    assert left.lost("a")
    assert left.lost("b")
    assert left.open(9) == ["a"], "before any other"
    left.begin("a")
    assert left.open(9) == [], "alone"
    assert not left.lost("a"), "it did it again"
    assert left.open(9) == ["b"]
    left.begin("b")
    left.done("b")
    assert left.open(9) == ["c", "d"]


def test_where_a_dead_process_is_known_the_others_go_on() -> None:
    left = schedule(Stub("a"), Stub("b"), lives=3, apart=False)
    for death in (1, 2):
        left.begin("a")
        assert left.lost("a"), death
        assert left.open(9) == ["a", "b"]
    left.begin("a")
    assert not left.lost("a")
    assert left.open(9) == ["b"]


def test_what_another_run_left_is_begun_here() -> None:
    left = schedule(Stub("a"), Stub("b", "a"))
    left.leave("a")
    assert left.open() == []
    assert not left.over
    left.again("a")
    assert left.open() == ["a"]
    left.leave("a")
    left.done("a")
    assert left.open() == ["b"]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_every_step_ends_once_and_after_its_inputs(seed: int) -> None:
    """Random graphs, ends in random order, some lost, some done elsewhere: compared with what must come of it."""
    rng = random.Random(seed)
    steps = [Stub(str(i), *{str(rng.randrange(i)) for _ in range(rng.randrange(3)) if i}) for i in range(60)]
    doomed = {step.key for step in steps if rng.random() < 0.05}
    expected: set[str] = set()
    for step in steps:
        if step.key not in doomed and expected.issuperset(step.parents):
            expected.add(step.key)
    left = schedule(*steps, lives=2, apart=bool(seed % 2))
    done: set[str] = set()
    lost: set[str] = set()
    running: list[str] = []
    while not left.over:
        while len(running) < 4 and (keys := left.open(3)):
            key = rng.choice(keys)
            assert done.issuperset(left.steps[key].parents)
            if rng.random() < 0.1:
                left.leave(key)
            else:
                left.begin(key)
                running.append(key)
        for key in list(left.elsewhere):
            if rng.random() < 0.5:
                left.again(key)
            elif key not in doomed:
                left.done(key)
                done.add(key)
        if running:
            key = running.pop(rng.randrange(len(running)))
            if key in doomed:
                left.failed(key)
            elif rng.random() < 0.2 and key not in lost:
                lost.add(key)
                assert left.lost(key)
            else:
                left.done(key)
                assert key not in done
                done.add(key)
    assert done == expected


def test_what_is_stopped_ends_what_it_has_begun_and_begins_nothing_more() -> None:
    left = schedule(Stub("a"), Stub("b", "a"), Stub("c"), Stub("d"))
    for key in ("a", "c"):
        left.begin(key)
    left.leave("d")
    left.stop()
    assert left.open(9) == []
    assert not left.over
    left.done("a")
    left.again("c")
    assert left.open(9) == []
    assert left.over

"""Which of several ready steps a process is given: one that its models and its last artifacts make cheap.

Free of who the processes are: a cluster and a simulation of one place steps by this.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from benchmarks.running.agenda import Agenda
from benchmarks.steps import Step
from benchmarks.steps.measuring import Measuring

#: Batches that a process has in flight where its steps are short: while it runs one, the next has arrived.
DEPTH = 2
#: Seconds within which a process should come to what it is given: what waits there can go to no other.
SOON = 2.0
#: How many of the earliest ready steps are looked at for a process.
AMONG = 32
#: Most steps in a batch.
BATCH = 8


@dataclass(eq=False)
class Hand:
    """A process that runs steps, as whoever hands them out sees it.

    Attributes:
        batches: What is in flight, in the order in which it runs.
        origins: The bases of the models that it had last, and that it may still hold.
        made: The artifacts that it made last.
    """

    batches: deque[list[Step]] = field(default_factory=deque)
    origins: deque[str] = field(default_factory=lambda: deque(maxlen=4))
    made: deque[str] = field(default_factory=lambda: deque(maxlen=16))

    @property
    def in_flight(self) -> list[Step]:
        """The steps that it was given and has not answered, in the order in which it runs them."""
        return [step for batch in self.batches for step in batch]


class Placing:
    """Hands out the steps of an agenda.

    Args:
        agenda: What is left to do.
    """

    def __init__(self, agenda: Agenda):
        self.agenda = agenda
        self._origins: dict[str, str] = {}
        self._seconds: dict[tuple[str, str], tuple[int, float]] = {}  # of every kind, how many took how long in all

    def batch(self, hand: Hand, hands: int) -> list[Step]:
        """Begin what a process is given next; [] = there is nothing, or it has enough.

        Steps that measure travel together, while they are short and there are more than all processes have to do.

        Args:
            hand: The process.
            hands: How many there are.
        """
        if len(hand.batches) >= DEPTH or self.seconds(hand.in_flight) > SOON:
            return []
        batch: list[Step] = []
        most = 1
        while len(batch) < most and (step := self.agenda.next(partial(self._best, hand, batch), AMONG)) is not None:
            batch.append(step)
            short = isinstance(step, Measuring) and self.seconds(batch) < SOON
            most = min(BATCH, 1 + self.agenda.schedule.ready // (DEPTH * hands)) if short else 1
        for step in batch:
            if origin := self.origin(step):
                hand.origins.append(origin)
        if batch:
            hand.batches.append(batch)
        return batch

    def learn(self, step: Step, seconds: float) -> None:
        """Note how long a step took."""
        count, total = self._seconds.get(_kind(step), (0, 0.0))
        self._seconds[_kind(step)] = (count + 1, total + seconds)

    def seconds(self, steps: Sequence[Step]) -> float:
        """Return how long steps will take together, by the mean of their kinds; of a new kind nobody knows."""
        known = [self._seconds.get(_kind(step), (1, math.inf)) for step in steps]
        return sum(total / count for count, total in known)

    def _best(self, hand: Hand, batch: Sequence[Step], steps: Sequence[Step]) -> Step | None:
        """Return what is cheapest for a process, of equal ones the first; beside others only what measures."""
        fitting = [step for step in steps if not batch or isinstance(step, Measuring)]
        return max(fitting, key=partial(self.worth, hand), default=None)

    def worth(self, hand: Hand, step: Step) -> int:
        """Return how much a process is spared: a base that it holds, inputs that it has just made."""
        return 2 * (self.origin(step) in hand.origins) + (not set(step.parents).isdisjoint(hand.made))

    def origin(self, step: Step) -> str:
        """Return the base of the model whose work a step is, as far as the steps of the run tell; "" = no model's."""
        return origin(step, self.agenda.schedule.steps, self._origins)


def origin(step: Step, steps: Mapping[str, Step], known: dict[str, str]) -> str:
    """Follow a step's model to what it was trained from."""
    key = step.network
    if key is None:
        return ""
    if key not in known:
        known[key] = (origin(steps[key], steps, known) or key) if key in steps else key
    return known[key]


def _kind(step: Step) -> tuple[str, str]:
    return step.kind, getattr(step, "modality", "")

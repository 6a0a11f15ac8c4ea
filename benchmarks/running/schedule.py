"""What is ready, what waits for what, and what was in flight when a process died; free of who runs steps, and how.

Worker processes, a cluster and a simulation of either take their steps from here.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence

from benchmarks.steps import Step


class Schedule:
    """The steps of a run, each of them ready, begun, elsewhere, ended, or waiting for its inputs.

    Earlier steps are begun first. Those that come first (`Step.first`) run one at a time, with no other beside them,
    and where one of them fails the others are not begun. Readers of a failed step are never ready.

    Args:
        steps: Inputs first; inputs that are not among them are there.
        lives: How many processes may die under a step before it is given up.
        apart: Whether a step that was in flight when a process died is tried again alone: of a pool that goes down as
            a whole nobody knows which step it was.
    """

    def __init__(self, steps: Sequence[Step], lives: int = 2, apart: bool = True):
        self.steps = {s.key: s for s in steps}
        self.lives, self.apart = lives, apart
        self.begun: set[str] = set()
        self.elsewhere: dict[str, None] = {}  # another run makes them
        self._rank = {s.key: i for i, s in enumerate(steps)}
        self._waiting = {s.key: {p for p in s.parents if p in self.steps} for s in steps}
        self._readers: dict[str, list[str]] = {}
        for key, parents in self._waiting.items():
            for parent in parents:
                self._readers.setdefault(parent, []).append(key)
        self._ready = {k for k, parents in self._waiting.items() if not parents}
        self._heap = [(self._rank[k], k) for k in self._ready]  # what is ready, and what was
        heapq.heapify(self._heap)
        self._deaths: Counter[str] = Counter()
        self._suspects: list[str] = []  # in flight when a process died, and not tried again yet
        self._first = {s.key for s in steps if s.first}  # that have not ended yet
        self._refused = False
        self._beyond: set[str] = set()  # waits for what has failed
        self.stopped = False

    @property
    def over(self) -> bool:
        """Whether nothing is left that can be done."""
        return not (self._ready or self._suspects or self.begun or self.elsewhere)

    @property
    def ready(self) -> int:
        """How many steps have all of their inputs and are not begun."""
        return len(self._ready) + len(self._suspects)

    def open(self, most: int = 1) -> list[str]:
        """Return keys that may be begun now, earlier ones first; [] = wait for what is begun or elsewhere."""
        if self.apart and any(self._deaths[key] for key in self.begun):
            return []
        if self._suspects:
            return [] if self.begun else self._suspects[:1]
        if self._first:
            return [] if self.begun or self.elsewhere else self._least(1)
        return self._least(most)

    def begin(self, key: str) -> None:
        """Note that a step is being done."""
        if key in self._suspects:
            self._suspects.remove(key)
        self._ready.discard(key)
        self.begun.add(key)

    def leave(self, key: str) -> None:
        """Note that another run is doing a step."""
        self.begin(key)
        self.begun.discard(key)
        self.elsewhere[key] = None

    def again(self, key: str) -> None:
        """Have a step begun anew, which nobody did and nothing is known against."""
        self.begun.discard(key)
        self.elsewhere.pop(key, None)
        if self.apart and self._deaths[key] and not self.stopped:
            self._suspects.append(key)
        else:
            self._open(key)

    def done(self, key: str) -> None:
        """Note that a step is in the store; those that waited for it alone are ready."""
        self._end(key)
        self._first.discard(key)
        for reader in self._readers.get(key, ()):
            self._waiting[reader].discard(key)
            if not self._waiting[reader]:
                self._open(reader)
        self._refuse()

    def failed(self, key: str) -> None:
        """Note that a step cannot be done. Its readers stay waiting for ever: they are never ready, so never begun."""
        self._end(key)
        self._refused |= self.steps[key].first
        self._first -= {key, *self._readers.get(key, ())}
        self._refuse()

    def beyond(self, key: str) -> list[str]:
        """Return the readers of a step that failed, and theirs, but for those that were returned before."""
        lost, left = list[str](), [key]
        while left:
            new = [reader for reader in self._readers.get(left.pop(), ()) if reader not in self._beyond]
            self._beyond.update(new)
            lost += new
            left += new
        return lost

    def stop(self) -> None:
        """Begin nothing more: what is begun ends, nothing else is waited for."""
        self.stopped = True
        self._ready.clear()
        self._suspects.clear()
        self.elsewhere.clear()

    def lost(self, key: str) -> bool:
        """Note that a process died under a step; False = too often by now: it has failed."""
        self._deaths[key] += 1
        if self._deaths[key] < self.lives:
            self.again(key)
            return True
        self.failed(key)
        return False

    def _end(self, key: str) -> None:
        self.begin(key)
        self.begun.discard(key)
        self.elsewhere.pop(key, None)

    def _refuse(self) -> None:
        if self._refused and not self._first:
            self._ready.clear()

    def _open(self, key: str) -> None:
        if self.stopped:
            return
        self._ready.add(key)
        heapq.heappush(self._heap, (self._rank[key], key))

    def _least(self, most: int) -> list[str]:
        """Return the ready keys of lowest rank; what is no longer ready is forgotten on the way."""
        found: dict[str, int] = {}
        while self._heap and len(found) < most:
            rank, key = heapq.heappop(self._heap)
            if key in self._ready:
                found[key] = rank
        for key, rank in found.items():
            heapq.heappush(self._heap, (rank, key))
        return list(found)

"""What one run has to do: the schedule of its steps, whose turn each of them is, and who is told of its end.

Several runs may share a store. A step is leased before it is begun; what another run does is waited for, and what
another run has made is found, not made again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.running.schedule import Schedule
from benchmarks.running.worker import Trouble
from benchmarks.steps import Step
from benchmarks.storage.bucket import Unreachable
from benchmarks.storage.full_disk import StoreFull
from benchmarks.storage.store import Record, Store

#: What takes away what a run makes of its steps, until somebody has seen to it: a disk, or a bucket.
LOST = (OSError, StoreFull, Unreachable)
#: Seconds for which a run waits for others at a time; how often it looks at what they have made, `Marks` say.
LOOK = 0.5
#: Seconds after which it is said again that a run waits for another.
SILENCE = 60.0


@dataclass(frozen=True)
class Failure:
    """Why a step has no artifact.

    Attributes:
        step: The step.
        message: A sentence.
        traceback: Where one is known.
        beyond: The steps that can never be begun for want of it, and of nothing that failed before.
        spared: Whether something else than the step is to blame: the store, or what ended its process.
    """

    step: Step
    message: str
    traceback: str = ""
    beyond: Sequence[Step] = ()
    spared: bool = False


class Listener(Protocol):
    """Hears what happens; the reporter and the result writer are listeners."""

    def done(self, step: Step, record: Record) -> None:
        """Hear that a step is in the store."""

    def found(self, step: Step) -> None:
        """Hear that another run has made a step."""

    def failed(self, failure: Failure) -> None:
        """Hear that a step could not be done."""

    def progress(self, key: str, done: int, total: int) -> None:
        """Hear how far a running step has come."""

    def note(self, text: str) -> None:
        """Hear something that ends nothing."""


class Agenda:
    """What is left to do in a run.

    Args:
        steps: Inputs first.
        store: Where artifacts are, and whose turn a step is.
        listener: Hears of every end.
        lives: How many processes may die under a step (`Schedule`).
        apart: Whether what was in flight then is tried alone.
    """

    def __init__(self, steps: Sequence[Step], store: Store, listener: Listener, lives: int = 2, apart: bool = True):
        self.schedule = Schedule(steps, lives, apart)
        self.store, self.listener, self.turns = store, listener, store.turns
        recorded = store.recorded() if store.turns else ()
        self._dropped = {s.key: store.dropped(s.key) for s in steps if s.key in recorded}
        self._looked = self._said = float("-inf")
        self._pause = 0.0 if self.turns is None else self.turns.marks.look

    @property
    def over(self) -> bool:
        """Whether nothing is left that can be done."""
        return self.schedule.over

    @property
    def patience(self) -> float | None:
        """For how many seconds to wait for own steps before looking at those of others; None = for ever."""
        return LOOK if self.schedule.elsewhere else None

    def next(self, choose: Callable[[Sequence[Step]], Step | None] | None = None, among: int = 1) -> Step | None:
        """Begin a step and return it; None = there is none to begin now.

        Args:
            choose: Picks one of several that may be begun, earlier ones first, or none; default: the first.
            among: How many it is given.
        """
        self._look()
        while keys := self.schedule.open(among):
            steps = [self.schedule.steps[key] for key in keys]
            step = steps[0] if choose is None else choose(steps)
            if step is None:
                break
            if self._taken(step):
                self.schedule.begin(step.key)
                return step
        return None

    def back(self, step: Step) -> None:
        """Have a step done anew that was begun, and that nothing is known against."""
        self.schedule.again(step.key)

    def settle(self, step: Step, outcome: Record | Trouble) -> None:
        """Book a step that ended."""
        self._release(step)
        if isinstance(outcome, Record):
            self._tell(lambda: self.listener.done(step, outcome))
            self.schedule.done(step.key)
        else:
            self.schedule.failed(step.key)
            why = Failure(step, outcome.message, outcome.traceback, self._beyond(step), outcome.spared)
            self.listener.failed(why)
            if outcome.ends and not self.schedule.over:
                self.schedule.stop()
                self.listener.note("nothing more is begun, since nothing could be kept")

    def lost(self, step: Step, message: str) -> None:
        """Book that a process died under a step: it is tried again, or has failed with that message."""
        if not self.schedule.lost(step.key):
            self._release(step)
            self.listener.failed(Failure(step, message, beyond=self._beyond(step), spared=True))

    def idle(self) -> None:
        """Wait a little for other runs, when nothing of this one is in flight."""
        if not self.schedule.elsewhere or self.schedule.begun:
            return
        now = time.monotonic()
        if now - self._said >= SILENCE:
            self._said = now
            count = len(self.schedule.elsewhere)
            self.listener.note(f"waits for another run: {count} step{'s' * (count > 1)}")
        time.sleep(LOOK)

    def _taken(self, step: Step) -> bool:
        """Lease a step; where another run has, or has made it, note that."""
        if self.turns is None:
            return True
        if self._made(step):
            self._found(step)
        elif (step.part_of and self.turns.held(step.part_of)) or not self.turns.take(step.key):
            self.schedule.leave(step.key)
        elif self._made(step):  # and left just now
            self._found(step)
        else:
            return True
        return False

    def _look(self) -> None:
        """See what other runs have made of what they had begun, and what they have left."""
        now = time.monotonic()
        if self.turns is None or not self.schedule.elsewhere or now - self._looked < self._pause:
            return
        for key in list(self.schedule.elsewhere):
            step = self.schedule.steps[key]
            if self._made(step):
                self._found(step)
            elif not self.turns.held(key) and not (step.part_of and self.turns.held(step.part_of)):
                self.schedule.again(key)
        self._looked = time.monotonic()
        # Where each question is a request, looking takes at most a tenth of the time in which steps can be handed out.
        self._pause = max(self.turns.marks.look, 9 * (self._looked - now))

    def _made(self, step: Step) -> bool:
        """Whether another run has made a step, or the whole that it is a part of; it may have let go of it as well."""
        keys = (step.key, step.part_of) if step.part_of else (step.key,)
        return any(self.store.has(k) or self.store.dropped(k) != self._dropped.get(k, 0) for k in keys)

    def _found(self, step: Step) -> None:
        self._release(step)  # of one that was kept by a process which died
        self._tell(lambda: self.listener.found(step))
        self.schedule.done(step.key)

    def _tell(self, said: Callable[[], None]) -> None:
        """Have the listener make of a step what is to be made; where that is lost, what is begun ends and no more."""
        try:
            said()
        except LOST as error:
            if not self.schedule.stopped:
                self.schedule.stop()
                self.listener.note(f"nothing more is begun, since results cannot be had: {error}")

    def _beyond(self, step: Step) -> tuple[Step, ...]:
        return tuple(self.schedule.steps[key] for key in self.schedule.beyond(step.key))

    def _release(self, step: Step) -> None:
        if self.turns is not None:
            self.turns.release(step.key)

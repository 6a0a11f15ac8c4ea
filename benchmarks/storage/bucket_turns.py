"""Whose turn a step is, where runs share a bucket and no folder: the same leases as objects, looked at less often."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from benchmarks.storage.bucket import Bucket, Unreachable
from benchmarks.storage.turns import Turns

#: Where in a bucket they lie.
LEASES = "leases"
#: Seconds without a sign of life after which another run counts as dead. Each request costs money: forty runs that read
#: each other's signs every five seconds make 28 million a day, every twenty seconds 7 million. What is lost is that the
#: step of a killed run waits for two minutes.
PERIOD = 120.0
#: Seconds between two looks at what other runs have made.
LOOK = 5.0


class BucketMarks:
    """Marks in a bucket.

    What cannot be read counts as not there: the step that is begun for it says what is wrong with the bucket, or is
    made by two runs, which does no harm.

    Args:
        bucket: Where other runs have theirs.
    """

    def __init__(self, bucket: Bucket):
        self.bucket, self.hurried = bucket, bucket.hurried()
        self.period, self.look = PERIOD, LOOK

    def read(self, name: str) -> str | None:
        """Return what an object says; None = there is none."""
        with suppress(Unreachable):
            content = self.bucket.read(f"{LEASES}/{name}")
            return None if content is None else content.decode(errors="replace")
        return None

    def make(self, name: str, text: str) -> bool:
        """Make an object of which there is none; False = somebody else has."""
        try:
            return self.bucket.create(f"{LEASES}/{name}", text.encode())
        except Unreachable:
            return True

    def write(self, name: str, text: str) -> None:
        """Write an object, once: a sign of life that is late is no sign of life.

        Raises:
            OSError: The bucket does not answer.
        """
        try:
            self.hurried.write(f"{LEASES}/{name}", text.encode())
        except Unreachable as error:
            raise OSError(str(error)) from error

    def remove(self, name: str) -> None:
        """Remove an object that may be gone already."""
        with suppress(Unreachable):
            self.bucket.remove(f"{LEASES}/{name}")

    def names(self, folder: str) -> list[str]:
        """Return what the objects of a folder are called."""
        with suppress(Unreachable):
            return sorted(name for name in self.bucket.names(f"{LEASES}/{folder}") if name.isalnum())
        return []


class BucketTurns(Turns):
    """The leases of one run in a bucket.

    Args:
        bucket: Where the runs share their artifacts.
        work: What the run does: runs of equal work need the same artifacts.
        here: Its signs of life in the folder of its copies, which other runs of this machine may read.
        clock: The observer's own seconds.
    """

    def __init__(self, bucket: Bucket, work: str, here: Turns, clock: Callable[[], float] = time.monotonic):
        super().__init__(BucketMarks(bucket), work, clock=clock)
        self.here = here
        self.met = True  # what others have put into the bucket may turn out to be damaged when they are long gone

    @property
    def strangers(self) -> bool:
        """Whether a run may be at work that reads other artifacts of this folder; runs elsewhere have copies."""
        return self.here.strangers

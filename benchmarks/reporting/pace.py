"""How long a run still takes, told from the steps that have ended: by kind, since a fit is no metric; and what runs."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence

from benchmarks.steps import Step
from benchmarks.storage.store import Record

#: The share of the steps that are left whose kinds may be without an example: they count as the mean of the others.
UNSEEN = 0.02
#: Seconds before which nothing is said: workers are starting, and the first steps are not like the later ones.
QUIET = 5.0

Kind = tuple[str, str]


class Pace:
    """What is left of a run.

    Every kind of step has its own mean, and all together are held against the clock, which knows of several workers
    and of what happens between steps. A mean over all that has ended moves slowly, so the estimate does not jump.

    Attributes:
        busy: Seconds of all workers together in steps that ended.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.left = Counter(map(_kind, steps))
        self.ended: Counter[Kind] = Counter()
        self.seconds: dict[Kind, float] = defaultdict(float)
        self.busy = 0.0
        self.began = time.monotonic()

    def step(self, step: Step, record: Record | None) -> None:
        """Count a step that ended; one that failed tells nothing of how long such steps take."""
        kind = _kind(step)
        self.left[kind] -= 1
        if record is not None:
            self.ended[kind] += 1
            self.seconds[kind] += record.cost.wall_seconds
            self.busy += record.cost.wall_seconds if not step.part_of else 0.0  # the whole has those of its parts

    def cut(self, steps: Sequence[Step]) -> None:
        """Leave out steps that will never be begun."""
        self.left.subtract(map(_kind, steps))

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    @property
    def remaining(self) -> float | None:
        """Seconds that are left; None where too little is known."""
        total, spent = sum(self.left.values()), self.spent
        unseen = sum(count for kind, count in self.left.items() if not self.ended[kind])
        counted = sum(self.seconds.values())
        if not total:
            return 0.0
        if unseen > UNSEEN * total or spent < QUIET or not counted:
            return None
        means = {kind: self.seconds[kind] / count for kind, count in self.ended.items()}
        known = sum(count * means[kind] for kind, count in self.left.items() if kind in means)
        known += unseen * counted / sum(self.ended.values())
        return known * spent / counted


class Running:
    """Which steps run, since when, and how far they are."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.labels = {step.key: step.label for step in steps}
        self.since: dict[str, tuple[float, str]] = {}

    def moved(self, key: str, done: int, total: int) -> None:
        """Hear that a step has begun, or how far it has come; of one that has ended a late message says nothing."""
        if key in self.labels:
            began = self.since.get(key, (time.monotonic(), ""))[0]
            self.since[key] = began, f" {done}/{total}" if total else ""

    def over(self, key: str) -> None:
        """Hear that a step has ended."""
        self.since.pop(key, None)
        self.labels.pop(key, None)

    def line(self) -> str:
        """Return what has been running longest, and how much else there is; "" where nothing runs."""
        found = sorted((began, key, far) for key, (began, far) in list(self.since.items()))
        if not found:
            return ""
        began, key, far = found[0]
        others = f", and {len(found) - 1} more" if len(found) > 1 else ""
        return f"{self.labels.get(key, key[:8])!r}{far} for {clock(time.monotonic() - began)}{others}"


def _kind(step: Step) -> Kind:
    return step.kind, str(getattr(step, "modality", ""))


def clock(seconds: float | None) -> str:
    """Return a time to come in as many digits as an estimate has."""
    if seconds is None:
        return "not known yet"
    if seconds == 0:
        return "nothing"
    if seconds < 90:
        return f"{max(10, round(seconds, -1)):.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"

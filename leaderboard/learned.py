"""What a board knows of learning: per method, how much of what real pairs teach it lets a model learn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from leaderboard.readings import Reading
from leaderboard.statistics import Ratio

Basis = Literal["real pairs", "own pairs", "not run", ""]
#: `real_X` trains on real pairs as method X trains.
PREFIX = "real_"


def reference_of(reading: Reading) -> str:
    """Return X of a row `real_X` that trains on real pairs alone; "" of any other row.

    A name alone does not make one: a method may be called `real_augmentation` and train on synthetic pairs as well.
    """
    name, costs = reading.row.mitigation, [cell.cost for cell in reading.cells]
    real_alone = bool(costs) and all(cost.real_samples and not cost.synthetic_samples for cost in costs)
    return name.removeprefix(PREFIX) if name.startswith(PREFIX) and real_alone else ""


@dataclass(frozen=True)
class Learned:
    """What the entries of one suite say of learning, for one modality.

    Attributes:
        suite: The suite that was read.
        shares: Method -> its improvement as a share of that of `real`, with Fieller's set.
        own: Method -> the same of its own row, which learns from what the method makes of the pool.
        dropped: Row that is there and has no share -> why.
        reason: Why there is no share at all; "" where there is.
        as_real: Methods that change data and no fit, so that `real_<method>` would be `real` itself.
    """

    suite: str
    shares: dict[str, Ratio] = field(default_factory=dict)
    own: dict[str, Ratio] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    as_real: frozenset[str] = frozenset()

    def basis(self, method: str) -> Basis:
        """Say what a method's share is of, or that its own pairs were not tried; "" where a share is missing."""
        if self.reason:
            return ""
        if method in self.shares:
            return "real pairs"
        if method not in self.as_real or method in self.dropped:
            return ""
        return "own pairs" if method in self.own else "not run"

    def share(self, method: str) -> Ratio | None:
        """Return the share of a method: on real pairs, or of its own pairs where they are all that it changes."""
        return {"real pairs": self.shares, "own pairs": self.own}.get(self.basis(method), {}).get(method)

    def absent(self, method: str) -> str:
        """Say why a method has no share; "" where it has one, or where its own pairs were not tried."""
        if self.basis(method):
            return ""
        return self.reason or self.left_out(method) or f"no row {PREFIX}{method} in {self.suite}"

    def left_out(self, method: str) -> str:
        """Return the row that would say it with the reason why it does not, "" where there is no such row."""
        row = method if method in self.as_real else f"{PREFIX}{method}"
        return f"{row} ({self.dropped[row]})" if row in self.dropped else ""

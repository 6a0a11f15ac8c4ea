"""What a board knows of learning: per method, how much of what real pairs teach it lets a model learn."""

from __future__ import annotations

from dataclasses import dataclass, field

from leaderboard.statistics import Ratio

#: `real_X` trains on real pairs as method X trains.
PREFIX = "real_"


@dataclass(frozen=True)
class Learned:
    """What the entries of one suite say of learning, for one modality.

    Attributes:
        suite: The suite that was read.
        shares: Method -> its improvement as a share of that of `real`, with Fieller's set.
        reason: Why there is no share at all; "" where there is.
        as_real: Methods that change data and no fit, so that `real_<method>` would be `real` itself.
    """

    suite: str
    shares: dict[str, Ratio] = field(default_factory=dict)
    reason: str = ""
    as_real: frozenset[str] = frozenset()

    def same(self, method: str) -> bool:
        """Whether a method's fits are those of `real`, where another suite says what those learn."""
        return not self.reason and method in self.as_real and method not in self.shares

    def absent(self, method: str) -> str:
        """Say why a method has no share; "" where it has one."""
        if method in self.shares or self.same(method):
            return ""
        return self.reason or f"no row {PREFIX}{method} in {self.suite}"

"""What a board knows of learning: per method, how much of what real pairs teach it lets a model learn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from leaderboard.statistics import Ratio

Basis = Literal["real pairs", "own pairs", "as real", ""]
#: `real_X` trains on real pairs as method X trains.
PREFIX = "real_"


@dataclass(frozen=True)
class Learned:
    """What the entries of one suite say of learning, for one modality.

    Attributes:
        suite: The suite that was read.
        shares: Method -> its improvement as a share of that of `real`, with Fieller's set.
        own: Method -> the same of its own row, which learns from what the method makes of the pool.
        reason: Why there is no share at all; "" where there is.
        as_real: Methods that change data and no fit, so that `real_<method>` would be `real` itself.
    """

    suite: str
    shares: dict[str, Ratio] = field(default_factory=dict)
    own: dict[str, Ratio] = field(default_factory=dict)
    reason: str = ""
    as_real: frozenset[str] = frozenset()

    def basis(self, method: str) -> Basis:
        """Say what a method's share is of, or that none is needed; "" where one is missing."""
        if self.reason:
            return ""
        if method in self.shares:
            return "real pairs"
        if method not in self.as_real:
            return ""
        return "own pairs" if method in self.own else "as real"

    def share(self, method: str) -> Ratio | None:
        """Return the share of a method: on real pairs, or of its own pairs where they are all that it changes."""
        return {"real pairs": self.shares, "own pairs": self.own}.get(self.basis(method), {}).get(method)

    def absent(self, method: str) -> str:
        """Say why a method has no share; "" where it has one, or needs none."""
        return "" if self.basis(method) else self.reason or f"no row {PREFIX}{method} in {self.suite}"

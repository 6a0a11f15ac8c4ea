"""Fresh real data: every iteration swaps part of the pool for real items that no iteration saw (2307.01850)."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.methods.hooks import Mitigation
from datamodules.pairs import Pairs


class FreshReal(Mitigation):
    """Keep n at N: a fraction of it unseen real pairs of the reserve, the rest the first synthetic pairs.

    Args:
        fraction: Share of real pairs, in (0, 1]. The paper varies it; 0.25 is our default.
    """

    name: ClassVar[str] = "fresh_real"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("new", "reserve")}

    def __init__(self, fraction: float = 0.25):
        if not 0 < fraction <= 1:
            raise ValueError(f"fraction: found {fraction}; allowed: above 0, at most 1")
        self.fraction = fraction

    def reserve_items(self, n: int) -> int:
        """Real items an iteration consumes."""
        return max(1, round(self.fraction * n))

    def curate(self, ctx: Any) -> Pairs:
        """Return fresh real pairs and enough synthetic ones to make N."""
        fresh = ctx.reserve[-1]
        return Pairs.concat([fresh, ctx.new.take(range(len(ctx.new) - len(fresh)))])

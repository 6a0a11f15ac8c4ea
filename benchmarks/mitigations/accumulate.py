"""Accumulate: keep the real data and all synthetic data so far (2404.01413)."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.hooks import Mitigation
from datamodules.pairs import Pairs


class Accumulate(Mitigation):
    """Train on the real N pairs of iteration 1 and the pools of every iteration so far: (t + 1) x N pairs."""

    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("new", "history", "real")}

    def pool_size(self, iteration: int, n: int) -> int:
        """The pool grows by n an iteration."""
        return (iteration + 1) * n

    def curate(self, ctx: Any) -> Pairs:
        """Return real pairs of iteration 1, then the pools of 1..t."""
        return Pairs.concat([ctx.real[0], *ctx.history, ctx.new])

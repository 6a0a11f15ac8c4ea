"""Accumulate: keep the real data and all synthetic data so far (2404.01413)."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.knobs import whole
from datamodules.pairs import Pairs


class Accumulate(Mitigation):
    """Train on the real N pairs of iteration 1 and the pools of every iteration so far: (t + 1) x N pairs.

    Args:
        cap: Most pairs to keep, in multiples of N; the real pairs stay and the oldest pools leave first (ours). None
            keeps all, as the paper does.
    """

    name: ClassVar[str] = "accumulate"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("new", "history", "real")}

    def __init__(self, cap: int | None = None):
        self.cap = None if cap is None else whole("cap", cap, 2)

    def pool_size(self, iteration: int, n: int) -> int:
        """Grow by n an iteration, up to the cap."""
        return min(iteration + 1, self.cap or iteration + 1) * n

    def curate(self, ctx: Any) -> Pairs:
        """Return real pairs of iteration 1, then the pools of 1..t, or the latest of them."""
        pools = [*ctx.history, ctx.new]
        return Pairs.concat([ctx.real[0], *(pools if self.cap is None else pools[1 - self.cap :])])

"""Synthetic augmentation: one fixed real set in all iterations, synthetic pairs beside it (2307.01850, 2310.00429)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.knobs import positive
from datamodules.pairs import Pairs


class RealAugmentation(Mitigation):
    """Train on the real N pairs of iteration 1 and the first lambda x N synthetic pairs of this iteration.

    Above lambda = 1 several draws of each prompt are made.

    Args:
        ratio: The papers' lambda, synthetic pairs for one real pair; above 0. They vary it.
    """

    name: ClassVar[str] = "real_augmentation"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("new", "real")}

    def __init__(self, ratio: float = 1.0):
        self.ratio = positive("ratio", ratio)
        self.oversample = max(1, math.ceil(self.ratio))

    def synthetic(self, n: int) -> int:
        """Return how many synthetic pairs stand beside n real ones."""
        return max(1, round(self.ratio * n))

    def pool_size(self, iteration: int, n: int) -> int:
        """Count the real set and the synthetic pairs beside it."""
        return n + self.synthetic(n)

    def curate(self, ctx: Any) -> Pairs:
        """Return the fixed real pairs, then the synthetic ones."""
        return Pairs.concat([ctx.real[0], ctx.new.take(range(self.synthetic(ctx.n)))])

"""Accumulate and subsample: a random part of constant size of all data so far, real and synthetic (2410.16713)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.knobs import positive
from benchmarks.seeds import permutation
from datamodules.pairs import Pairs


class AccumulateSubsample(Mitigation):
    """Train on a fresh draw, without repeats, of the real N pairs of iteration 1 and the pools of 1..t.

    Args:
        size: Pairs drawn, in multiples of N; 1 = the constant size of the paper.
    """

    name: ClassVar[str] = "accumulate_subsample"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("new", "history", "real")}

    def __init__(self, size: float = 1.0):
        self.size = positive("size", size)

    def pool_size(self, iteration: int, n: int) -> int:
        """Constant, but never more than there are."""
        return min(max(1, round(self.size * n)), (iteration + 1) * n)

    def curate(self, ctx: Any) -> Pairs:
        """Return the drawn pairs in the order in which they were accumulated."""
        everything = Pairs.concat([ctx.real[0], *ctx.history, ctx.new])
        drawn = permutation(ctx.seed, len(everything))[: self.pool_size(ctx.iteration, ctx.n)]
        return everything.take(np.sort(drawn))

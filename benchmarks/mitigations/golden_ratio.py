"""Golden-ratio weighting: fresh real and synthetic pairs, weighted for the least error in the long run (2502.18049)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.knobs import positive
from datamodules.pairs import Pairs


def real_weight(k: float) -> float:
    """Return the share of the loss that real data get, w* = (sqrt(k^2 + 4k) - k) / 2; 0.618 at k = 1.

    Args:
        k: Real pairs for one synthetic pair, above 0.
    """
    return (math.sqrt(k * k + 4 * k) - k) / 2


class GoldenRatio(Mitigation):
    """Keep n at N: unseen real pairs and synthetic ones, k to 1, and w* of the loss on the real ones.

    The loss is w* x mean over the real pairs + (1 - w*) x mean over the synthetic ones, written as weights of mean 1.
    w* is that of the whole numbers of pairs that k comes down to.

    Args:
        k: Real pairs for one synthetic pair. The paper varies it; k = 1 gives the golden ratio of its title.
    """

    name: ClassVar[str] = "golden_ratio"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("new", "reserve")}

    def __init__(self, k: float = 1.0):
        self.k = positive("k", k)

    def reserve_items(self, n: int) -> int:
        """Real items an iteration consumes; one synthetic pair is left at least."""
        return min(max(1, round(n * self.k / (1 + self.k))), max(1, n - 1))

    def curate(self, ctx: Any) -> Pairs:
        """Return fresh real pairs, then synthetic ones, with their weights."""
        fresh = ctx.reserve[-1]
        real, synthetic = len(fresh), ctx.n - len(fresh)
        if synthetic == 0:
            return fresh
        w = real_weight(real / synthetic)
        weights = np.repeat([w / real * ctx.n, (1 - w) / synthetic * ctx.n], [real, synthetic])
        return Pairs.concat([fresh, ctx.new.take(range(synthetic))]).with_(weights=weights)

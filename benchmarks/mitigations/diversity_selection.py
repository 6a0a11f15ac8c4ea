"""Diversity selection: of more than is needed, keep a subset of high entropy by greedy selection (2509.16499)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.mitigations.candidates import Candidates
from datamodules.pairs import Pairs


class DiversitySelection(Candidates):
    """Keep N of factor x N candidates, each the farthest from those already kept, in the scorer's space.

    Distances are taken on what the loop made: images, or the captions of real images. The first kept is the one
    farthest from the mean (ours).

    Args:
        factor: Candidates per prompt. The paper uses 2 to 5; 2 is our default.
    """

    name: ClassVar[str] = "diversity_selection"

    def __init__(self, factor: int = 2):
        super().__init__(factor)

    def curate(self, ctx: Any) -> Pairs:
        """Return the N kept, in the order of the pool."""
        features = self.features(ctx.scorers, self.made(ctx.new))
        return ctx.new.take(np.sort(farthest_points(features, ctx.n)))


def farthest_points(points: np.ndarray, count: int) -> np.ndarray:
    """Return (count,) positions, each the farthest from its nearest earlier one; of equals the earlier position.

    Args:
        points: (n, d); the first taken is the farthest from their mean.
        count: At most n.
    """
    taken = np.empty(count, dtype=np.int64)
    nearest = ((points - points.mean(0)) ** 2).sum(1)
    for i in range(count):
        taken[i] = nearest.argmax()
        distance = ((points - points[taken[i]]) ** 2).sum(1)
        nearest = distance if i == 0 else np.minimum(nearest, distance)
        nearest[taken[i]] = -1.0  # equal points are taken once each
    return taken

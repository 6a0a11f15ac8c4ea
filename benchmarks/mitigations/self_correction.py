"""Self-correction: move synthetic samples part of the way to where real data cluster (2402.07087)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.mitigations.candidates import Candidates
from benchmarks.mitigations.diversity_selection import farthest_points
from benchmarks.mitigations.knobs import positive, whole
from datamodules.pairs import Pairs


class SelfCorrection(Candidates):
    """Replace a sample by the candidate of its prompt that lies nearest to the sample's corrected features.

    Correction of strength gamma takes features x to (x + gamma c) / (1 + gamma), c the nearest of k centres that
    k-means finds among the features of this iteration's real pairs. Ours is what comes after: the paper's digits are
    moved as pixels, all the way to a centre (gamma without bound); the mean of several pictures is no picture and that
    of several captions no text, so here the move is made in the scorer's space, on what the loop made, and the sample
    becomes the nearest of `factor` candidates. Real pairs count as consumed, and none of them enters the pool.

    Args:
        k: Centres. The paper takes 16 for each digit; there are no classes here, and 16 in all is ours.
        gamma: Strength; 1 is ours, half of the way.
        factor: Candidates per prompt, the sample itself among them; 4 is ours.
    """

    name: ClassVar[str] = "self_correction"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("new", "scorers", "real_scores")}

    def __init__(self, k: int = 16, gamma: float = 1.0, factor: int = 4):
        super().__init__(factor)
        self.k, self.gamma = whole("k", k, 1), positive("gamma", gamma)

    def curate(self, ctx: Any) -> Pairs:
        """Return one candidate of each prompt."""
        side = self.made(ctx.new)
        candidates = self.grid(self.features(ctx.scorers, side))
        centres = k_means(self.features(ctx.real_scores[-1], side), self.k)
        target = corrected(candidates[0], centres, self.gamma)
        return self.chosen(ctx.new, ((candidates - target) ** 2).sum(2).argmin(0))


def corrected(points: np.ndarray, centres: np.ndarray, gamma: float) -> np.ndarray:
    """Return points (n, d) moved by gamma / (1 + gamma) of the way to the nearest of `centres` (k, d)."""
    return (points + gamma * centres[_nearest(points, centres)]) / (1 + gamma)


def k_means(points: np.ndarray, k: int, rounds: int = 50) -> np.ndarray:
    """Return at most k centres (k, d) by Lloyd's algorithm, started from the farthest points.

    Args:
        points: (n, d).
        k: Centres; as many as there are points, where those are fewer.
        rounds: At most; it ends where no point changes its centre. A centre without points stays where it is.
    """
    centres = points[farthest_points(points, min(k, len(points)))]
    before = np.full(len(points), -1)
    for _ in range(rounds):
        nearest = _nearest(points, centres)
        if np.array_equal(nearest, before):
            break
        before = nearest
        for c in np.unique(nearest):
            centres[c] = points[nearest == c].mean(0)
    return centres


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    # |p - c|^2 without |p|^2, which is the same for all centres.
    return ((centres**2).sum(1) - 2 * points @ centres.T).argmin(1)

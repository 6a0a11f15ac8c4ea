"""Detectors of collapse for `triggered`: a number an iteration, from scorers' embeddings, and when it is too large.

A detector has `values(scores, real)`, given for each iteration so far what scorers made of the synthetic set and of
the real pairs of the same items, as `{scorer: {'images': (n, d), 'captions': (m, d)}}`; and `limit`, above which it
fires. Judges are never seen here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

Scores = list[dict[str, dict[str, np.ndarray]]]


class Drift:
    """How many times further from real pairs a set is than the first one, which the base models made.

    Distance is the Fréchet distance of Gaussians with diagonal covariances (1706.08500, eq. 6), over the real pairs'
    total variance, summed over scorers, images and captions. A side that is real anyway adds nothing.

    Args:
        ratio: Fires above it; above 1. Ours, as is the detector.
    """

    name: ClassVar[str] = "drift"

    def __init__(self, ratio: float = 1.5):
        if not (math.isfinite(ratio) and ratio > 1):
            raise ValueError(f"ratio: found {ratio}; allowed: a number above 1")
        self.limit = ratio

    def values(self, scores: Scores, real: Scores) -> list[float]:
        """Return the distance of every set over that of the first; 1 for the first, and where both are 0."""
        distances = [sum(map(_distance, *zip(*_sides(a, b), strict=True))) for a, b in zip(scores, real, strict=True)]
        tiny = np.finfo(np.float32).tiny
        return [float((d + tiny) / (distances[0] + tiny)) for d in distances]


class SpreadLoss:
    """The share of the real pairs' variance that a set has lost, on the side and scorer where most is lost.

    Args:
        share: Fires above it; in (0, 1). Ours, as is the detector.
    """

    name: ClassVar[str] = "spread_loss"

    def __init__(self, share: float = 0.1):
        if not 0 < share < 1:
            raise ValueError(f"share: found {share}; allowed: above 0, below 1")
        self.limit = share

    def values(self, scores: Scores, real: Scores) -> list[float]:
        """Return 1 - total variance of the set / that of the real pairs, for every set."""
        return [
            max(1 - a.var(0).sum() / b.var(0).sum() for a, b in _sides(*both))
            for both in zip(scores, real, strict=True)
        ]


def _sides(made: dict[str, Any], real: dict[str, Any]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield embeddings of a set and of the real pairs, by scorer and side, as float64."""
    for scorer in sorted(made):
        for side in ("images", "captions"):
            yield made[scorer][side].astype(np.float64), real[scorer][side].astype(np.float64)


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    apart = (a.mean(0) - b.mean(0)) ** 2 + (a.std(0) - b.std(0)) ** 2
    return float(apart.sum() / b.var(0).sum())

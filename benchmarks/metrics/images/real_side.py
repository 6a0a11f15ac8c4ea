"""All that depends on the real features alone: computed when first asked for, then shared by every family and value."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.metrics.family import finite
from benchmarks.metrics.images.frechet import Gaussian, gaussian
from benchmarks.metrics.images.kernels import gaussian_kernel, polynomial_kernel, self_similarity
from benchmarks.metrics.images.neighbours import COVERAGE_K, RECALL_K, radii
from benchmarks.metrics.images.pairs import unit

KEPT = 2  # sets of a process: those of two judges, or of two draws of a floor


@dataclass(frozen=True, eq=False)
class RealSide:
    """Real features (m, d) float64 and what is made from them."""

    features: np.ndarray

    @cached_property
    def gaussian(self) -> Gaussian:
        """The fitted Gaussian; m > 1."""
        return gaussian(self.features)

    @cached_property
    def kernel(self) -> float:
        """Mean of the cubic kernel over pairs; m > 1."""
        return self_similarity(self.features, polynomial_kernel).mean

    @cached_property
    def unit(self) -> np.ndarray:
        """(m, d) features at length one."""
        return unit(self.features)

    @cached_property
    def similarity(self) -> float:
        """Mean of the Gaussian kernel of unit vectors over pairs; m > 1."""
        return self_similarity(self.unit, gaussian_kernel).mean

    @cached_property
    def centre(self) -> np.ndarray:
        """(d,) the mean, which distances are taken about."""
        return self.features.mean(axis=0)

    @cached_property
    def centred(self) -> np.ndarray:
        """(m, d) features about their mean."""
        return self.features - self.centre

    @cached_property
    def radii(self) -> dict[int, np.ndarray]:
        """Squared radii of the balls of 3 and of 5 neighbours; m > 5."""
        return radii(self.centred, RECALL_K, COVERAGE_K)


_KEPT: dict[str, RealSide] = {}


def real_side(features: np.ndarray) -> RealSide:
    """Return the real side of (m, d) features; the last two are remembered by content.

    Raises:
        ValueError: a feature is NaN or infinite.
    """
    features = np.ascontiguousarray(features)
    content = hashlib.sha256(features.data).hexdigest() + repr((features.shape, features.dtype.str))
    if content not in _KEPT:
        while len(_KEPT) >= KEPT:
            _KEPT.pop(next(iter(_KEPT)))
        _KEPT[content] = RealSide(finite(features, "real_features"))
    return _KEPT[content]


def fitting(features: np.ndarray, real: RealSide) -> np.ndarray:
    """Return features (n, d) as they are.

    Raises:
        ValueError: they have other dimensions than the real ones.
    """
    if features.shape[1] != real.features.shape[1]:
        raise ValueError(f"features have {features.shape[1]} dimensions, real_features {real.features.shape[1]}")
    return features

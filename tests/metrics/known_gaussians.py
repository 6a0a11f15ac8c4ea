"""Fréchet distance of Gaussians whose moments are known, through the same function as that of fitted ones."""

from __future__ import annotations

import numpy as np

from benchmarks.metrics.images.frechet import Gaussian, frechet


def frechet_distance(mu1: np.ndarray, s1: np.ndarray, mu2: np.ndarray, s2: np.ndarray) -> float:
    """Fréchet distance |mu1 - mu2|^2 + tr(s1 + s2 - 2 (s1 s2)^(1/2)) (Heusel et al. 2017, eq. 6).

    Args:
        mu1: (d,) mean.
        s1: (d, d) covariance, positive semi-definite, of any rank.
        mu2: (d,) mean.
        s2: (d, d) covariance.
    """
    return frechet(Gaussian(np.asarray(mu1), _symmetric_root(s1)), Gaussian(np.asarray(mu2), _symmetric_root(s2)))


def _symmetric_root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.clip(values, 0, None))).T

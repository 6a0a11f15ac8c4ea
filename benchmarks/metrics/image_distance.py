"""Distances between generated and real images in a judge space.

One feature pass serves all of them. What depends on the real features alone is computed once per process.
Every value depends on the number of items: compare at equal n, and beside the floor (real against real).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.spatial.distance import cdist

from benchmarks.metrics.family import Family, finite
from benchmarks.metrics.view import View

RECALL_K = 3
COVERAGE_K = 5


class ImageDistance(Family):
    """Compares (n, d) features of generated images with (m, d) real ones of the floor split."""

    version: ClassVar[int] = 1
    side: ClassVar[str] = "generator"
    needs: ClassVar[tuple[str, ...]] = ("features", "real_features")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "frechet": {
            "direction": "down",
            "range": [0, None],
            "source": "Heusel et al., arXiv 1706.08500, eq. 6",
            "misses": "everything beyond mean and covariance; biased upwards by about 1/n",
        },
        "kernel": {
            "direction": "down",
            "range": [None, None],
            "source": "Binkowski et al., arXiv 1801.01401 (KID), on the whole sets",
            "misses": "moments above the third; unbiased in n, hence below zero at times",
        },
        "precision": {
            "direction": "up",
            "range": [0, 1],
            "source": "Kynkaanniemi et al., arXiv 1904.06991, eq. 1-2, k = 3",
            "misses": "lost modes: one perfect image scores 1; outliers among the real images inflate it",
        },
        "recall": {
            "direction": "up",
            "range": [0, 1],
            "source": "Kynkaanniemi et al., arXiv 1904.06991, eq. 1-2, k = 3",
            "misses": "quality: scattered bad images have large balls and cover much",
        },
        "density": {
            "direction": "up",
            "range": [0, None],
            "source": "Naeem et al., arXiv 2002.09797, section 3, k = 5",
            "misses": "lost modes: it rises when images crowd where real ones are dense",
        },
        "coverage": {
            "direction": "up",
            "range": [0, 1],
            "source": "Naeem et al., arXiv 2002.09797, section 3, k = 5",
            "misses": "how often a mode is drawn: one image near each real one is enough",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Computes the values that `declares` names."""
        assert view.features is not None
        assert view.real_features is not None
        fake, real = view.features, real_side(finite(view.real_features, "real_features"))
        if fake.shape[1] != real.features.shape[1]:
            raise ValueError(f"features have {fake.shape[1]} dimensions, real_features {real.features.shape[1]}")
        values = {}
        if min(len(fake), len(real.features)) > 1:
            values["frechet"] = frechet(gaussian(fake), real.gaussian)
            values["kernel"] = kernel_distance(fake, real.features, real.kernel)
        if min(len(fake), len(real.features)) > COVERAGE_K:
            cross = cdist(real.features, fake)
            values["precision"] = precision(cross, real.radii[RECALL_K])
            values["recall"] = recall(cross, radii(cdist(fake, fake), RECALL_K))
            values["density"] = density(cross, real.radii[COVERAGE_K], COVERAGE_K)
            values["coverage"] = coverage(cross, real.radii[COVERAGE_K])
        self.absent = {name: "too few images" for name in self.declares if name not in values}
        return values


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Mean (d,) and a factor F (d, r) of the covariance F F'."""

    mean: np.ndarray
    factor: np.ndarray


def gaussian(features: np.ndarray) -> Gaussian:
    """Fits a Gaussian to (n, d) features, n > 1, with the unbiased covariance."""
    mean = features.mean(axis=0)
    centred = (features - mean) / np.sqrt(len(features) - 1)
    # With fewer items than dimensions the data are the cheaper factor, and no d x d matrix is made.
    factor = centred.T if len(features) <= features.shape[1] else _factor(centred.T @ centred)
    return Gaussian(mean, factor)


def _factor(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.clip(values, 0, None))


def frechet(first: Gaussian, second: Gaussian) -> float:
    """Fréchet distance of two Gaussians given by factors (Heusel et al. 2017, eq. 6).

    The trace of the square root of S1 S2 is the nuclear norm of F1' F2. Unlike a matrix square root it is
    real, not negative, and exact for singular covariances.
    """
    cross = np.linalg.svd(first.factor.T @ second.factor, compute_uv=False).sum()
    spread = (first.factor**2).sum() + (second.factor**2).sum()
    return float(max(0.0, ((first.mean - second.mean) ** 2).sum() + spread - 2 * cross))


def frechet_distance(mu1: np.ndarray, s1: np.ndarray, mu2: np.ndarray, s2: np.ndarray) -> float:
    """Fréchet distance |mu1 - mu2|^2 + tr(s1 + s2 - 2 (s1 s2)^(1/2)) (Heusel et al. 2017, eq. 6).

    Args:
        mu1: (d,) mean.
        s1: (d, d) covariance, positive semi-definite, of any rank.
        mu2: (d,) mean.
        s2: (d, d) covariance.
    """
    return frechet(Gaussian(np.asarray(mu1), _factor(s1)), Gaussian(np.asarray(mu2), _factor(s2)))


def polynomial_kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(x.y / d + 1)^3 for all rows of x (n, d) and y (m, d) (Binkowski et al. 2018, KID)."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def self_similarity(x: np.ndarray) -> float:
    """Mean kernel value over ordered pairs of different rows."""
    kernel = polynomial_kernel(x, x)
    return float((kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1)))


def kernel_distance(fake: np.ndarray, real: np.ndarray, real_similarity: float | None = None) -> float:
    """Unbiased squared maximum mean discrepancy with the cubic kernel (Binkowski et al. 2018).

    Args:
        fake: (n, d), n > 1.
        real: (m, d), m > 1.
        real_similarity: `self_similarity(real)`, where it is known.
    """
    known = self_similarity(real) if real_similarity is None else real_similarity
    return float(self_similarity(fake) + known - 2 * polynomial_kernel(fake, real).mean())


def radii(distances: np.ndarray, k: int) -> np.ndarray:
    """Distance of each of n points to its k-th nearest other point, from their (n, n) distances."""
    return np.partition(distances, k, axis=1)[:, k]  # column 0 of the sorted row is the point itself


def precision(cross: np.ndarray, real_radii: np.ndarray) -> float:
    """Share of fakes inside the ball of some real point (Kynkäänniemi et al. 2019, eq. 1-2).

    Args:
        cross: (real, fake) distances.
        real_radii: (real,) radii of the balls around the real points.
    """
    return float((cross <= real_radii[:, None]).any(axis=0).mean())


def recall(cross: np.ndarray, fake_radii: np.ndarray) -> float:
    """Share of real points inside the ball of some fake; `cross` is (real, fake), `fake_radii` (fake,)."""
    return float((cross <= fake_radii[None, :]).any(axis=1).mean())


def density(cross: np.ndarray, real_radii: np.ndarray, k: int) -> float:
    """Number of real balls around a fake over k, mean over fakes (Naeem et al. 2020, section 3)."""
    return float((cross <= real_radii[:, None]).sum(axis=0).mean() / k)


def coverage(cross: np.ndarray, real_radii: np.ndarray) -> float:
    """Share of real points whose ball holds a fake (Naeem et al. 2020, section 3)."""
    return float((cross.min(axis=1) <= real_radii).mean())


@dataclass(frozen=True, eq=False)
class RealSide:
    """All that depends on the real features (m, d) alone."""

    features: np.ndarray
    gaussian: Gaussian
    kernel: float
    radii: dict[int, np.ndarray]


_REAL: dict[str, RealSide] = {}


def real_side(features: np.ndarray) -> RealSide:
    """Returns the real side of (m, d) float64 features; the last two are remembered by content."""
    content = hashlib.sha256(np.ascontiguousarray(features).tobytes() + repr(features.shape).encode()).hexdigest()
    if content not in _REAL:
        while len(_REAL) >= 2:
            _REAL.pop(next(iter(_REAL)))
        enough, many = len(features) > 1, len(features) > COVERAGE_K
        distances = cdist(features, features) if many else None
        _REAL[content] = RealSide(
            features,
            gaussian(features) if enough else Gaussian(features.sum(axis=0), np.zeros((features.shape[1], 1))),
            self_similarity(features) if enough else 0.0,
            {k: radii(distances, k) for k in (RECALL_K, COVERAGE_K)} if distances is not None else {},
        )
    return _REAL[content]

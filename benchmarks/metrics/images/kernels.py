"""Kernel distances: the unbiased squared maximum mean discrepancy (Gretton et al., JMLR 13, 2012) of two sets.

KID takes the cubic kernel of raw features (arXiv 1801.01401), CMMD a Gaussian one of unit vectors (arXiv 2401.09603).
Sums are kept by blocks of items, so that a jackknife costs nothing beyond the value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.metrics.images.pairs import row_blocks, squared_norms, unit
from benchmarks.metrics.jackknife import members

#: Kernel values of rows (n, d) against rows (m, d).
Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]

SIGMA, SCALE = 10.0, 1000.0  # of CMMD


def polynomial_kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(x.y / d + 1)^3 for all rows of x (n, d) and y (m, d) (Binkowski et al. 2018, KID)."""
    inner = x @ y.T
    inner /= x.shape[1]
    inner += 1
    return inner * inner * inner


def gaussian_kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """exp(-|x - y|^2 / (2 sigma^2)) - 1 for all rows of x (n, d) and y (m, d), sigma = 10 (Jayasumana et al. 2024).

    The constant drops out of an unbiased discrepancy; with it all digits would go into leading nines.
    """
    inner = x @ y.T
    inner -= squared_norms(x)[:, None] / 2
    inner -= squared_norms(y) / 2
    inner /= SIGMA**2
    return np.expm1(np.minimum(inner, 0, out=inner), out=inner)


@dataclass(frozen=True, eq=False)
class Similarity:
    """Kernel sums of a set of items with itself: (g, g) over pairs of different items, and (g,) items of each block."""

    sums: np.ndarray
    counts: np.ndarray

    @property
    def mean(self) -> float:
        """Mean over ordered pairs of different items."""
        n = self.counts.sum()
        return float(self.sums.sum() / (n * (n - 1)))

    def left_out(self) -> np.ndarray:
        """Return the (g,) means without each block."""
        n = self.counts.sum() - self.counts
        return (self.sums.sum() - 2 * self.sums.sum(axis=1) + np.diag(self.sums)) / (n * (n - 1))


def self_similarity(x: np.ndarray, kernel: Kernel, blocks: np.ndarray | None = None) -> Similarity:
    """Sum a kernel over all pairs of different rows of x (n, d), by blocks (n,) or all in one."""
    inside = np.ones((len(x), 1)) if blocks is None else members(blocks)
    sums = np.zeros((inside.shape[1], inside.shape[1]))
    for part in row_blocks(len(x)):
        values = kernel(x[part], x)
        np.fill_diagonal(values[:, part], 0)
        sums += inside[part].T @ (values @ inside)
    return Similarity((sums + sums.T) / 2, inside.sum(axis=0))


def cross_similarity(x: np.ndarray, y: np.ndarray, kernel: Kernel) -> np.ndarray:
    """Return the (n,) mean kernel values of each row of x (n, d) with the rows of y (m, d)."""
    return np.concatenate([kernel(x[part], y).mean(axis=1) for part in row_blocks(len(x))])


def discrepancy(
    fake: np.ndarray, real: np.ndarray, kernel: Kernel, real_mean: float, blocks: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """Unbiased squared maximum mean discrepancy, and its values without each block of the fake items.

    Args:
        fake: (n, d), n > 1.
        real: (m, d), m > 1.
        kernel: of pairs of rows.
        real_mean: `self_similarity(real, kernel).mean`.
        blocks: (n,) block of each fake item; without them there is nothing to leave out.
    """
    own, cross = self_similarity(fake, kernel, blocks), cross_similarity(fake, real, kernel)
    value = own.mean + real_mean - 2 * float(cross.mean())
    if blocks is None:
        return value, np.empty(0)
    rest = (cross.sum() - cross @ members(blocks)) / (len(fake) - own.counts)
    return value, own.left_out() + real_mean - 2 * rest


def kernel_distance(fake: np.ndarray, real: np.ndarray, real_mean: float | None = None) -> float:
    """Kernel inception distance (Binkowski et al., arXiv 1801.01401) of (n, d) and (m, d) items, on the whole sets.

    Around 0 for sets of one law and below it half of the time; lower is better. Unbiased, so its mean does not depend
    on n.
    """
    known = self_similarity(real, polynomial_kernel).mean if real_mean is None else real_mean
    return discrepancy(fake, real, polynomial_kernel, known)[0]


def cmmd(fake: np.ndarray, real: np.ndarray, real_mean: float | None = None) -> float:
    """CMMD (Jayasumana et al., arXiv 2401.09603) of (n, d) and (m, d) items: Gaussian kernel of unit vectors, x 1000.

    Around 0 for sets of one law, lower is better, unbiased. The published code keeps each item's pair with itself,
    which adds about 2000 (1 - mean kernel) / n.
    """
    fake, real = unit(fake), unit(real)
    known = self_similarity(real, gaussian_kernel).mean if real_mean is None else real_mean
    return SCALE * discrepancy(fake, real, gaussian_kernel, known)[0]

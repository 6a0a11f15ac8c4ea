"""Fréchet distance of two Gaussians (Heusel et al., arXiv 1706.08500, eq. 6), without a matrix square root.

With roots R1'R1 = S1 and R2'R2 = S2 the trace of (S1 S2)^(1/2) is the sum of the singular values of R1 R2': real, not
negative, and defined for singular covariances. Squared, they are the eigenvalues of R2 S1 R2', which cost a fraction
of that but lose half of the digits of the small ones. What they lose is bounded; where the bound is too large for six
right digits of the distance, the singular values themselves are computed, from the items and not from their covariance.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg

DIGITS = 1e-7  # relative error of a distance that eigenvalues may bring


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A Gaussian fitted to items.

    Attributes:
        mean: (d,).
        rows: (n, d) centred items over sqrt(n - 1): rows' rows is the unbiased covariance.
    """

    mean: np.ndarray
    rows: np.ndarray

    @property
    def few(self) -> bool:
        """Whether there are no more items than dimensions: the covariance is singular, the items are its root."""
        return len(self.rows) <= self.rows.shape[1]

    @cached_property
    def covariance(self) -> np.ndarray:
        """(d, d)."""
        return self.rows.T @ self.rows

    @cached_property
    def trace(self) -> float:
        """Trace of the covariance."""
        return float(np.einsum("ij,ij->", self.rows, self.rows))

    @cached_property
    def root(self) -> np.ndarray:
        """R (r, d), r <= d, with R'R = covariance; its error is one of rounding in the items, not in their squares."""
        return self.rows if self.few else scipy.linalg.qr(self.rows, mode="r", check_finite=False)[0][: len(self.mean)]

    @cached_property
    def quick_root(self) -> np.ndarray:
        """The same, upper triangular, from a regular covariance: quick, but with an error of squares."""
        if not self.few:
            with contextlib.suppress(scipy.linalg.LinAlgError):
                return scipy.linalg.cholesky(self.covariance, check_finite=False)
        return self.root


def gaussian(features: np.ndarray) -> Gaussian:
    """Fit a Gaussian to (n, d) features, n > 1, with the unbiased covariance."""
    mean = features.mean(axis=0)
    rows = features - mean
    rows /= np.sqrt(len(features) - 1)
    return Gaussian(mean, rows)


def frechet(first: Gaussian, second: Gaussian) -> float:
    """Fréchet distance of two fitted Gaussians; what is made from `second` alone is kept with it.

    Range 0 upwards, lower is better. Biased upwards by about 1/n: compare at equal n only.
    """
    apart = float(((first.mean - second.mean) ** 2).sum()) + first.trace + second.trace
    if not first.few:
        roots, error = _roots(_turned(first.covariance, second.quick_root))
        distance = apart - 2 * roots
        if 2 * error <= DIGITS * distance:
            return distance
    roots = float(scipy.linalg.svdvals(first.root @ second.root.T, check_finite=False).sum())
    return max(0.0, apart - 2 * roots)


def _turned(covariance: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Return R S R', by a quarter of the work where R (r, d) is upper triangular; its upper triangle is what counts."""
    if root.shape[0] == root.shape[1] and not np.tril(root, -1).any():
        return scipy.linalg.lapack.dsygst(covariance, root, itype=2)[0]
    return root @ covariance @ root.T


def _roots(symmetric: np.ndarray) -> tuple[float, float]:
    """Return the sum of the roots of the eigenvalues, none truly negative, of a matrix, and how wrong it may be."""
    values = np.clip(scipy.linalg.eigvalsh(symmetric, lower=False, check_finite=False), 0, None)
    noise = np.sqrt(len(values)) * np.finfo(np.float64).eps * values[-1]
    roots = np.sqrt(values)
    return float(roots.sum()), float((noise / np.maximum(roots, np.sqrt(noise) or 1.0)).sum())


def left_out_frechet(first: Gaussian, second: Gaussian, blocks: np.ndarray) -> np.ndarray:
    """Return the (g,) distances without each block of the items of `first`, (n,) block numbers.

    A covariance without a block is the whole one minus that of the block, in the coordinates of the root of `second`.
    """
    rows, n = first.rows, len(first.rows)
    turned = rows @ second.quick_root.T
    whole = None if first.few else turned.T @ turned
    found = np.empty(blocks.max() + 1)
    for block in range(len(found)):
        out = blocks == block
        left = n - int(out.sum())
        scale = (n - 1) / (left - 1)  # rows are scaled for n items
        step, moved = rows[out].sum(axis=0), turned[out].sum(axis=0)  # minus n' times the change of the mean
        mean = first.mean - step * np.sqrt(n - 1) / left
        trace = scale * (first.trace - (rows[out] ** 2).sum() - step @ step / left)
        if whole is None:
            rest = turned[~out] + moved / left
            squared = scale * (rest @ rest.T if len(rest) <= rest.shape[1] else rest.T @ rest)
        else:
            squared = scale * (whole - turned[out].T @ turned[out] - np.outer(moved, moved) / left)
        apart = ((mean - second.mean) ** 2).sum() + trace + second.trace
        found[block] = apart - 2 * _roots(squared)[0]
    return found

"""Precision, recall, density and coverage: which items lie in the balls around the others.

Balls reach to the k-th nearest item of the same set (k = 3 for precision and recall, 5 for density and coverage) and
include their border. All four come from one pass over the pairs, in blocks of real items.
"""

from __future__ import annotations

import numpy as np

from benchmarks.metrics.images.pairs import BORDER, row_blocks, squared_distances
from benchmarks.metrics.jackknife import left_out_means, members

RECALL_K = 3
COVERAGE_K = 5


def radii(items: np.ndarray, *ks: int) -> dict[int, np.ndarray]:
    """Return k -> (n,) squared distance of each of n > k items (n, d) to its k-th nearest other one."""
    nearest = [
        np.partition(squared_distances(items[part], items), ks, axis=1)[:, ks] for part in row_blocks(len(items))
    ]  # column 0 of a sorted row is the item itself
    found = np.concatenate(nearest)
    return {k: found[:, column] for column, k in enumerate(ks)}


def manifolds(fake: np.ndarray, real: np.ndarray, real_radii: dict[int, np.ndarray]) -> dict[str, float]:
    """Return precision and recall (Kynkäänniemi et al. 2019, eq. 1-2), density and coverage (Naeem et al. 2020, 3).

    Args:
        fake: (n, d), n > 5.
        real: (m, d), m > 5, centred like `fake`.
        real_radii: `radii(real, 3, 5)`.
    """
    small, large = (real_radii[k] * (1 + BORDER) for k in (RECALL_K, COVERAGE_K))
    reach = radii(fake, RECALL_K)[RECALL_K] * (1 + BORDER)
    precise, dense = np.zeros(len(fake), bool), np.zeros(len(fake))
    recalled = covered = 0
    for part in row_blocks(len(real)):
        squared = squared_distances(real[part], fake)
        precise |= (squared <= small[part, None]).any(axis=0)
        inside = squared <= large[part, None]
        dense += inside.sum(axis=0)
        covered += int(inside.any(axis=1).sum())
        recalled += int((squared <= reach).any(axis=1).sum())
    return {
        "precision": float(precise.mean()),
        "recall": recalled / len(real),
        "density": float(dense.mean() / COVERAGE_K),
        "coverage": covered / len(real),
    }


def left_out_manifolds(
    fake: np.ndarray, real: np.ndarray, real_radii: dict[int, np.ndarray], blocks: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the four (g,) values without each block of the fake items, (n,) block numbers."""
    small, large = (real_radii[k] * (1 + BORDER) for k in (RECALL_K, COVERAGE_K))
    inside = members(blocks)
    reach = _left_out_radii(fake, blocks) * (1 + BORDER)
    precise, dense = np.zeros(len(fake), bool), np.zeros(len(fake))
    recalled, covered = np.zeros(inside.shape[1]), np.zeros(inside.shape[1])
    for part in row_blocks(len(real)):
        squared = squared_distances(real[part], fake)
        precise |= (squared <= small[part, None]).any(axis=0)
        within = squared <= large[part, None]
        dense += within.sum(axis=0)
        by_block = within @ inside
        covered += (by_block.sum(axis=1, keepdims=True) > by_block).sum(axis=0)
        recalled += [(squared <= rest).any(axis=1).sum() for rest in reach]
    return {
        "precision": left_out_means(precise.astype(float), blocks),
        "recall": recalled / len(real),
        "density": left_out_means(dense, blocks) / COVERAGE_K,
        "coverage": covered / len(real),
    }


def _left_out_radii(fake: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """Return (g, n) squared radii among the items outside of each block, -1 for those inside: their balls are gone."""
    count = int(blocks.max()) + 1
    found = np.full((count, len(fake)), -1.0)
    for part in row_blocks(len(fake)):
        squared = squared_distances(fake[part], fake)
        for block in range(count):
            kept = np.flatnonzero(blocks[part] != block)
            nearest = np.partition(squared[kept][:, blocks != block], RECALL_K, axis=1)[:, RECALL_K]
            found[block, part.start + kept] = nearest
    return found

"""All pairs of two sets of features, in blocks of rows and by matrix products.

A distance from a product is |x|^2 + |y|^2 - 2 x.y. It is right to about 1e-15 of |x|^2 + |y|^2, which is nothing except
between near duplicates: their distances are taken again from differences, so that equal items are at distance 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import cdist

ROWS = 1024  # of a block: 40 MB beside 5,000 items
NEAR = 1e-5  # of |x|^2 + |y|^2; below it a product keeps less than nine digits of a distance
MANY = 0.02  # share of near pairs in a block from where on differences of all of them are faster
#: Relative width of the border of a ball: a distance found in two ways is on it both times.
BORDER = 1e-8


def row_blocks(n: int) -> Iterator[slice]:
    """Yield slices that divide n rows."""
    for start in range(0, n, ROWS):
        yield slice(start, min(start + ROWS, n))


def squared_norms(x: np.ndarray) -> np.ndarray:
    """Return the (n,) squared lengths of (n, d) rows."""
    return np.einsum("ij,ij->i", x, x)


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the (n, m) squared distances of the rows of x (n, d) and y (m, d), float64.

    Rows should be centred: the farther they are from zero, the more pairs are near by comparison.
    """
    scale = squared_norms(x)[:, None] + squared_norms(y)
    found = x @ y.T
    found *= -2
    found += scale
    rows, columns = np.nonzero(found < NEAR * scale)
    if len(rows) > MANY * found.size:
        return cdist(x, y, "sqeuclidean")
    for part in row_blocks(len(rows)):
        i, j = rows[part], columns[part]
        found[i, j] = ((x[i] - y[j]) ** 2).sum(axis=1)
    return found


def unit(x: np.ndarray) -> np.ndarray:
    """Return the rows of x (n, d) at length one; a row of zeros stays as it is."""
    lengths = np.sqrt(squared_norms(x))
    return x / np.where(lengths == 0, 1, lengths)[:, None]

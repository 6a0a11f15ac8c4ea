"""Confidence intervals by the delete-block jackknife.

Resampling with replacement repeats items, and what is made of neighbours, covariances or similarities takes a
repeated item for lost diversity: it biases Fréchet distance, recall, coverage and Vendi score. Leaving blocks of items
out repeats nothing. By the inequality of Efron and Stein (Annals of Statistics 9, 1981) its variance is not too small
in expectation for any symmetric function of independent items.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student

BLOCKS = 20
FEWEST = 3  # items in a block: with two, intervals of coverage hold the mean in .46 to .87 of models
LEVEL = 0.95


def block_numbers(n: int) -> np.ndarray | None:
    """Return the block of each of n items, (n,) int, or None where they are too few for an interval.

    Item i is in block i mod 20, so every block is spread over the whole list.
    """
    return np.arange(n) % BLOCKS if n >= FEWEST * BLOCKS else None


def members(blocks: np.ndarray) -> np.ndarray:
    """Return (n, g) float64, 1 where an item is in a block: a product with it sums over blocks."""
    return np.eye(BLOCKS)[blocks]


def interval(value: float, left_out: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a statistic.

    Args:
        value: of all items.
        left_out: (g,) the statistic without each of g blocks.

    Returns:
        value -+ t(0.975; g - 1) s, with s^2 = (g - 1) / g * the sum of squares of `left_out` about its mean. It is an
        interval for the mean of the statistic over other draws of as many items, its bias at that number included.
    """
    g = len(left_out)
    spread = np.sqrt((g - 1) / g * ((left_out - left_out.mean()) ** 2).sum())
    reach = float(student.ppf(0.5 + LEVEL / 2, g - 1) * spread)
    return value - reach, value + reach


def left_out_means(scores: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """Return the (g,) means of (n,) scores without each block."""
    inside = members(blocks)
    return (scores.sum() - scores @ inside) / (len(scores) - inside.sum(axis=0))

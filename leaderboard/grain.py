"""What a comparison must not rest on: the last digit of a number, or a spread finer than one item.

A share of n items is known to one item. Seeds that all differ by the same few items have no spread on paper, and a
test that believes it is certain of everything; so the spread over seeds of a share is taken to be one item at least.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from records.names import MetricName

#: A number this close to a threshold, relative to the larger of both, is at it and not above it.
TOLERANCE = 1e-9
#: Numbers this close, relative to the larger one, differ by rounding alone.
ROUNDING = 1e-12
#: Parts of an item that a share may count: attributes and their slots.
PARTS = 120


def above(value: ArrayLike, limit: ArrayLike) -> NDArray[np.bool_]:
    """Whether values are above a limit, and not merely at it."""
    v, at = np.asarray(value, dtype=np.float64), np.asarray(limit, dtype=np.float64)
    return (v > at) & ~np.isclose(v, at, rtol=TOLERANCE, atol=0.0)


def below(value: ArrayLike, limit: ArrayLike) -> NDArray[np.bool_]:
    """Whether values are below a limit, and not merely at it."""
    return above(limit, value)


def difference(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Return a - b, zero where they differ by rounding alone."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return np.where(np.isclose(x, y, rtol=ROUNDING, atol=0.0), 0.0, x - y)


def tied(values: ArrayLike) -> NDArray[np.float64]:
    """Return values of which those that differ by rounding alone are equal, as ranks need them."""
    x = np.array(values, dtype=np.float64)
    for lower, higher in pairwise(np.argsort(x, kind="stable")):
        if np.isclose(x[lower], x[higher], rtol=ROUNDING, atol=0.0):
            x[higher] = x[lower]
    return x


def items_of(metric: str) -> int:
    """Return the number of items that a metric was measured on; 0 where its name does not say."""
    return MetricName.parse(metric).n or 0


def grain(values: ArrayLike, items: int) -> float:
    """Return the smallest spread over seeds that is believed of numbers: one unit of shares of n items, 0 of others.

    Shares are known by what they are, whole multiples of a common unit: an item, or the part of one that a mean over
    attributes and slots counts. A mean of ratios with unlike denominators, such as `tail_survival`, has none, and is
    taken as it is. Numbers that are all zero differ by nothing, as those of two rows that share a cell.

    Args:
        values: Shares, or differences of shares.
        items: n; 0 = unknown, so nothing is asked.
    """
    x = np.unique(np.asarray(values, dtype=np.float64))
    if not items or not x.any() or not np.isfinite(x).all():
        return 0.0
    most, units = PARTS * items, 1
    for value in x.tolist():
        fraction = Fraction(value).limit_denominator(most)
        units = math.lcm(units, fraction.denominator)
        if units > most or abs(float(fraction) - value) > ROUNDING:
            return 0.0
    return 1 / max(units, items)

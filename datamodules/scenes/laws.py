"""Frequency laws of attribute values: a few common values and a tail that a model can lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Law:
    """Values with probabilities.

    Attributes:
        values: the names, distinct.
        probabilities: one per value, positive, summing to one.
    """

    values: tuple[str, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(set(self.values)) != len(self.values) or len(self.values) != len(self.probabilities):
            raise ValueError(f"a law needs distinct values, one probability each: {self.values}")
        if min(self.probabilities) <= 0 or abs(sum(self.probabilities) - 1) > 1e-9:
            raise ValueError(f"probabilities must be positive and sum to one: {self.probabilities}")

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def names(self) -> np.ndarray:
        """(k,) object array of the values, for indexing with arrays."""
        return np.array(self.values, dtype=object)

    @cached_property
    def thresholds(self) -> np.ndarray:
        """(k - 1,) uint64 upper ends of all intervals but the last, scaled to 32 bits."""
        ends = np.cumsum(self.probabilities)[:-1]
        return np.rint(ends * 2.0**32).astype(np.uint64)

    @property
    def frequencies(self) -> dict[str, float]:
        """Probability of each value."""
        return dict(zip(self.values, self.probabilities, strict=True))


def zipf(values: Sequence[str], exponent: float = 1.0) -> Law:
    """Make a Zipf law: of the values, the most frequent first, that of rank k has weight k ** -exponent.

    An exponent of 0 is uniform; 1 gives the eighth of eight values 4.6 %.
    """
    weights = [rank**-exponent for rank in range(1, len(values) + 1)]
    return Law(tuple(values), tuple(weight / sum(weights) for weight in weights))


def rarest_third(frequencies: dict[str, float]) -> tuple[str, ...]:
    """Return the rarest third of the values (rounded, at least one), the rarest first.

    Ties are broken by the order of the dictionary, the later value counting as rarer.
    """
    ranked = sorted(enumerate(frequencies), key=lambda item: (frequencies[item[1]], -item[0]))
    return tuple(value for _, value in ranked[: max(1, round(len(ranked) / 3))])

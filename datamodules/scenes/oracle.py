"""Reading attributes, and comparing what was read with the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Protocol

import numpy as np

ABSENT = ""  # the slot does not exist
UNREADABLE = "?"  # the slot exists, its value cannot be told

Truth = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Readings:
    """What an oracle read off n captions or images.

    Attributes:
        values: attribute -> (n, slots) object array of value names, "" for an absent slot and "?"
            for one that cannot be read. Attributes of objects share their slots: slot 1 of every
            one of them speaks of the same object.
    """

    values: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))


class Oracle(Protocol):
    """Reads attributes off captions and images. Total: never raises on content, never drops."""

    attributes: tuple[str, ...]

    def read_captions(self, captions: Sequence[str]) -> Readings:
        """Parse captions by the grammar of the domain."""

    def read_images(self, images: np.ndarray) -> Readings:
        """Invert the renderer on (n, size, size, 3) uint8 images."""

    def frequencies(self) -> dict[str, dict[str, float]]:
        """Return, per attribute, the share of slots of the train split that hold each value."""

    def tail(self, attribute: str) -> tuple[str, ...]:
        """Return the rarest third of the attribute's values, the rarest first."""


def join_readings(parts: Sequence[Mapping[str, Any]], slots: Mapping[str, int]) -> Readings:
    """Join batches of readings, each attribute -> (n, slots) values, arrays or lists; no part at all is no item.

    `slots` holds the number of slots by attribute, in the order of the result.
    """
    empty = {attribute: np.empty((0, width), dtype=object) for attribute, width in slots.items()}
    return Readings(
        {
            attribute: np.concatenate(
                [empty[attribute]]
                + [np.array(part[attribute], dtype=object).reshape(-1, slots[attribute]) for part in parts]
            )
            for attribute in slots
        }
    )


def match(truth: Sequence[Truth], read: Readings) -> dict[str, np.ndarray]:
    """Score readings against the truth.

    The slots of an item are assigned to its true slots as a whole, over all attributes at once, so
    that the most slots agree: "a red circle, a blue square" read as "a blue circle, a red square"
    does not get full marks.

    Args:
        truth: n dictionaries attribute -> true values, one per slot.
        read: readings of the same n items.

    Returns:
        attribute -> (n,) float64 in [0, 1]: agreeing slots / the larger number of slots. A missing,
        surplus or unreadable slot is a wrong one.

    Raises:
        ValueError: if the numbers of items differ.
    """
    if len(truth) != len(read):
        raise ValueError(f"{len(truth)} true items, but {len(read)} readings")
    scores = {}
    order = _assignments(truth, read)
    for attribute, values in read.values.items():
        true = _padded(truth, attribute, values.shape[1])
        seen = np.take_along_axis(values, order, 1) if values.shape[1] > 1 else values
        agree = ((true == seen) & (true != ABSENT)).sum(1)
        slots = np.maximum((true != ABSENT).sum(1), (seen != ABSENT).sum(1))
        scores[attribute] = agree / np.maximum(slots, 1)
    return scores


def _padded(truth: Sequence[Truth], attribute: str, slots: int) -> np.ndarray:
    table = np.full((len(truth), slots), ABSENT, dtype=object)
    for row, item in enumerate(truth):
        values = item[attribute]
        table[row, : len(values)] = values
    return table


def _assignments(truth: Sequence[Truth], read: Readings) -> np.ndarray:
    """Return (n, slots): which slot of the reading goes with each true slot."""
    shared: Mapping[str, np.ndarray] = {k: v for k, v in read.values.items() if v.shape[1] > 1}
    slots = max((values.shape[1] for values in shared.values()), default=1)
    best = np.zeros((len(truth), slots), np.int64)
    best_score = np.full(len(truth), -1)
    tables = {attribute: _padded(truth, attribute, slots) for attribute in shared}
    for order in permutations(range(slots)):
        score = np.zeros(len(truth), np.int64)
        for attribute, values in shared.items():
            true = tables[attribute]
            score += ((true == values[:, order]) & (true != ABSENT)).sum(1)
        better = score > best_score
        best[better], best_score[better] = order, score[better]
    return best

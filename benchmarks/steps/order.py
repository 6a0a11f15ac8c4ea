"""The order of a pool that shards and members made: by draw, then by the order of its items."""

from __future__ import annotations

import numpy as np

from datamodules.images import Images
from datamodules.pairs import Pairs


def in_order(pairs: Pairs, order: np.ndarray | None) -> Pairs:
    """Sort pairs that shards and members made by draw, then by the order of the items (None = by id)."""
    draw = np.zeros(len(pairs), dtype=np.int64) if pairs.draw is None else pairs.draw
    index = sorted_rows(pairs.ids, draw, order)
    return pairs if np.array_equal(index, np.arange(len(pairs))) else pairs.take(index)


def sorted_rows(ids: np.ndarray, draw: np.ndarray, order: np.ndarray | None) -> np.ndarray:
    """Return the positions of a pool (n,) by draw, then by the order of the items (None = by id)."""
    rank = ids
    if order is not None:
        place = np.argsort(order, kind="stable")
        rank = place[np.searchsorted(order[place], ids)]
    return np.lexsort((rank, draw))


def looked_at(pairs: Pairs) -> Pairs:
    """Return pairs that a hook may look at and not write to: the step goes on with them."""
    if isinstance(pairs.images, Images):
        return pairs.with_(images=pairs.images.readonly())
    images = pairs.images.view()
    images.flags.writeable = False
    return pairs.with_(images=images)  # all other arrays are copied

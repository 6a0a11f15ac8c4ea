"""What a domain has to offer to become a data set."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from datamodules.scenes.hashing import Draws
from datamodules.scenes.oracle import Oracle, Truth


class World(Protocol):
    """One domain. Everything is a pure function of the draws, item by item.

    A domain module has a function `make_world(image_size) -> World`.
    """

    def render(self, draws: Draws) -> np.ndarray:
        """Draw (n, size, size, 3) uint8 images."""

    def captions(self, draws: Draws) -> list[tuple[str, ...]]:
        """Write six distinct captions per item."""

    def truth(self, draws: Draws) -> list[Truth]:
        """Return the attributes of each item."""

    def vocabulary(self) -> tuple[str, ...]:
        """Return all words of the grammar, sorted."""

    def oracle(self) -> Oracle:
        """Return a reader of captions and images."""

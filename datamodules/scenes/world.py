"""What a domain has to offer to become a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol

import numpy as np

from datamodules.scenes.grammar import paraphrases
from datamodules.scenes.hashing import Draws
from datamodules.scenes.laws import Law
from datamodules.scenes.oracle import Oracle, Truth


class DrawnWorld(Protocol):
    """One domain at one image size. Everything is a pure function of the draws, item by item.

    A domain module has a function `make_world(image_size) -> DrawnWorld`.

    Attributes:
        image_size: side of the images in pixels.
        lanes: the choices behind a sentence, by name.
        write: writes one sentence about an item; whole numbers choose among forms and synonyms, one a lane.
    """

    image_size: int
    lanes: ClassVar[Mapping[str, Law]]
    write: ClassVar[Callable[..., str]]

    def __init__(self, image_size: int) -> None:
        self.image_size = image_size

    def captions(self, draws: Draws) -> list[tuple[str, ...]]:
        """Write six distinct captions per item."""
        return paraphrases(draws, self.lanes, type(self).write, self.truth(draws))

    def render(self, draws: Draws) -> np.ndarray:
        """Draw (n, size, size, 3) uint8 images."""

    def truth(self, draws: Draws) -> list[Truth]:
        """Return the attributes of each item."""

    def vocabulary(self) -> tuple[str, ...]:
        """Return all words of the grammar, sorted."""

    def oracle(self) -> Oracle:
        """Return a reader of captions and images."""

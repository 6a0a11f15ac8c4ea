"""The domain of shapes where two words have changed places: red things are called green, and green ones red.

Something to learn for a model of the domain of shapes, all of whose words and shapes are the same: whoever trains on
real pairs can pick the new use up, whoever trains on its own output cannot.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from datamodules.scenes import shapes
from datamodules.scenes.hashing import Draws
from datamodules.scenes.oracle import Oracle, Readings, Truth
from datamodules.scenes.world import World

#: Old name of a colour -> the new one. Common, so that an error shows, but not the commonest.
RENAMED = {"red": "green", "green": "red"}
_WORDS = re.compile(rf"\b({'|'.join(RENAMED)})\b")


class RenamedWorld:
    """A world with the colours of its objects renamed.

    Args:
        world: what is drawn and said, with the old names.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def render(self, draws: Draws) -> np.ndarray:
        """Draw (n, size, size, 3) uint8 images, the same as before."""
        return self._world.render(draws)

    def captions(self, draws: Draws) -> list[tuple[str, ...]]:
        """Write six distinct captions per item, in the new words."""
        return [tuple(_renamed(caption) for caption in six) for six in self._world.captions(draws)]

    def truth(self, draws: Draws) -> list[Truth]:
        """Return the attributes of each item, by their new names."""
        return [
            {**item, "colour": tuple(RENAMED.get(value, value) for value in item["colour"])}
            for item in self._world.truth(draws)
        ]

    def vocabulary(self) -> tuple[str, ...]:
        """Return all words of the grammar, sorted: those of the old world."""
        return self._world.vocabulary()

    def oracle(self) -> Oracle:
        """Return a reader of captions and images."""
        return RenamedOracle(self._world.oracle())


class RenamedOracle:
    """Reads captions as they are, and images by the new names.

    Args:
        oracle: of the old world.
    """

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self.attributes = oracle.attributes

    def read_captions(self, captions: Sequence[str]) -> Readings:
        """Parse captions; a word means what it says."""
        return self._oracle.read_captions(captions)

    def read_images(self, images: np.ndarray) -> Readings:
        """Invert the renderer on (n, size, size, 3) uint8 images."""
        values = dict(self._oracle.read_images(images).values)
        old = values["colour"]
        values["colour"] = np.array([RENAMED.get(value, value) for value in old.ravel()], object).reshape(old.shape)
        return Readings(values)

    def frequencies(self) -> dict[str, dict[str, float]]:
        """Return the expected share of train slots that hold each value, by its new name, the commonest first."""
        old = self._oracle.frequencies()
        return {**old, "colour": {RENAMED.get(value, value): share for value, share in old["colour"].items()}}

    def tail(self, attribute: str) -> tuple[str, ...]:
        """Return the rarest third of the attribute's values, the rarest first; no rare value has changed its name."""
        return self._oracle.tail(attribute)


def _renamed(caption: str) -> str:
    return _WORDS.sub(lambda found: RENAMED[found[0]], caption)


def make_world(image_size: int) -> RenamedWorld:
    """Make the world at an image size."""
    return RenamedWorld(shapes.make_world(image_size))

"""The domain of shapes where two words have changed places: red things are called green, and green ones red.

Something to learn for a model of the domain of shapes, all of whose words and shapes are the same: whoever trains on
real pairs can pick the new use up, whoever trains on its own output cannot.
"""

from __future__ import annotations

import numpy as np

from datamodules.scenes.hashing import Draws
from datamodules.scenes.oracle import Oracle, Readings, Truth
from datamodules.scenes.shapes import ShapesWorld
from datamodules.scenes.shapes_oracle import ShapesOracle

#: Old name of a colour -> the new one. Common, so that an error shows, but not the commonest.
RENAMED = {"red": "green", "green": "red"}


class RenamedWorld(ShapesWorld):
    """The world of shapes with the colours of its objects renamed: the same images, and other captions of them."""

    def truth(self, draws: Draws) -> list[Truth]:
        """Return the attributes of each item, by their new names."""
        return [{**item, "colour": tuple(map(_renamed, item["colour"]))} for item in super().truth(draws)]

    def oracle(self) -> Oracle:
        """Return a reader of captions and images."""
        return RenamedOracle(self.image_size)


class RenamedOracle(ShapesOracle):
    """Reads captions as they are, for a word means what it says, and images by the new names."""

    def read_images(self, images: np.ndarray) -> Readings:
        """Invert the renderer on (n, size, size, 3) uint8 images."""
        values = dict(super().read_images(images).values)
        old = values["colour"]
        values["colour"] = np.array([_renamed(value) for value in old.ravel()], object).reshape(old.shape)
        return Readings(values)

    def frequencies(self) -> dict[str, dict[str, float]]:
        """Return the expected share of train slots that hold each value, by its new name, the commonest first.

        No rare value has changed its name, so the tail is that of the shapes.
        """
        old = super().frequencies()
        return {**old, "colour": {_renamed(value): share for value, share in old["colour"].items()}}


def _renamed(value: str) -> str:
    return RENAMED.get(value, value)


make_world = RenamedWorld

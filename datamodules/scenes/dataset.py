"""The data set: seven disjoint splits of a drawn world, made on the fly."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import numpy as np

from datamodules.scenes.hashing import Draws
from datamodules.scenes.oracle import Oracle, Truth
from datamodules.scenes.world import DrawnWorld

SIZES: Mapping[str, int] = {
    "train": 20_000,
    "prompts": 6_000,
    "reserve": 4_000,
    "judge": 8_000,
    "scorer": 8_000,
    "evaluation": 1_024,
    "floor": 1_024,
}
_CHUNK = 512  # images rendered at once, so that the float planes stay in the cache


class Scenes:
    """Drawn scenes with captions and known attributes.

    Item i of a split is a pure function of (domain, seed, split, i): nothing is stored, and a split
    that is made longer keeps its first items.

    Args:
        domain: module of this package that holds the world: "shapes" or "textures".
        seed: of the data; every split depends on it.
        image_size: side of the images in pixels; the scene is scaled with it.
        sizes: number of items by split, over the defaults in `SIZES`.

    Raises:
        ValueError: for an unknown domain or split, a negative size, or an image side below 16.
    """

    name: ClassVar[str] = "scenes"
    version: ClassVar[int] = 1

    def __init__(
        self, domain: str = "shapes", seed: int = 0, image_size: int = 32, sizes: dict[str, int] | None = None
    ) -> None:
        sizes = dict(sizes or {})
        unknown = sorted(set(sizes) - set(SIZES))
        if unknown:
            raise ValueError(f"unknown splits {unknown}: a split is one of {sorted(SIZES)}")
        if min(sizes.values(), default=0) < 0:
            raise ValueError(f"split sizes must not be negative: {sizes}")
        if image_size < 16:
            raise ValueError(f"image_size must be at least 16 to show a scene, not {image_size}")
        self.domain, self.seed, self.image_size = domain, seed, image_size
        self.sizes: dict[str, int] = {**SIZES, **sizes}
        self._world = _world(domain, image_size)

    def images(self, split: str, index: np.ndarray) -> np.ndarray:
        """Draw images (n, image_size, image_size, 3) uint8.

        Item numbers (n,) lie in [0, sizes[split]), in any order, repetitions allowed; one outside is an IndexError, an
        unknown split a KeyError.
        """
        index = self._checked(split, index)
        images = np.empty((len(index), self.image_size, self.image_size, 3), np.uint8)
        for start in range(0, len(index), _CHUNK):
            part = slice(start, start + _CHUNK)
            images[part] = self._world.render(self._draws(split, index[part]))
        return images

    def captions(self, split: str, index: np.ndarray) -> list[tuple[str, ...]]:
        """Write six distinct captions per image: five references, and the sixth for the ceiling.

        Args and errors are those of `images`.
        """
        return self._world.captions(self._draws(split, self._checked(split, index)))

    def attributes(self, split: str, index: np.ndarray) -> list[Truth]:
        """Return the true attributes of each item: a tuple of values per attribute, one per slot.

        Args and errors are those of `images`; see the world's module for names and values.
        """
        return self._world.truth(self._draws(split, self._checked(split, index)))

    def vocabulary(self) -> tuple[str, ...]:
        """Return every word that a caption of this domain can hold, sorted."""
        return self._world.vocabulary()

    @cached_property
    def oracle(self) -> Oracle:
        """Reader of the attributes of any caption or image of this domain."""
        return self._world.oracle()

    def _draws(self, split: str, index: np.ndarray) -> Draws:
        return Draws(self.seed, (self.domain, split), index)

    def _checked(self, split: str, index: np.ndarray) -> np.ndarray:
        if split not in self.sizes:
            raise KeyError(f"unknown split {split!r}: a split is one of {sorted(self.sizes)}")
        index = np.atleast_1d(np.asarray(index, dtype=np.int64))
        if len(index) and (index.min() < 0 or index.max() >= self.sizes[split]):
            raise IndexError(f"items of {split!r} are numbered 0 to {self.sizes[split] - 1}")
        return index


def _world(domain: str, image_size: int) -> DrawnWorld:
    name = f"{__name__.rpartition('.')[0]}.{domain}"
    if domain.isidentifier() and importlib.util.find_spec(name):
        module = importlib.import_module(name)
        if hasattr(module, "make_world"):
            return module.make_world(image_size)
    raise ValueError(f"unknown domain {domain!r}: there is no {name} with a make_world")

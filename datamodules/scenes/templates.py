"""Finding drawn shapes in images by least squares against templates.

An image minus its ground is a sum of coverage masks times colour offsets. The best single object is
the mask and the ink that take the most squared residual away: found first on a coarse grid over the
whole image, then in a window around it on a fine grid of positions.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from datamodules.scenes.drawing import WORLD, Distance, coverage
from datamodules.scenes.laws import rarest_third
from datamodules.scenes.oracle import Oracle, Readings, join_readings

_COARSE_STEP = 2.0  # world units between the positions tried over the whole image
_FINE_OFFSETS = np.arange(-1.5, 1.51, 0.5)  # pixels around the coarse position
_STRETCHES = (0.86, 1.0, 1.14)  # of each radius: an object that came out too large still has a shape
_BLURS = (0, 2)  # rounds of a (1, 2, 1) / 4 filter: autoencoders soften edges
_CHUNK = 64  # images read at once
_HALO = 1.5  # world units around an object that belong to its window: soft edges and blur


@dataclass(frozen=True)
class Fit:
    """The best object of each image.

    Attributes:
        kind: (n,) index of the shape.
        size: (n,) index of the radius.
        centre: (n, 2) position (x to the right, y downwards), in world units.
        offset: (n, 3) fitted colour minus the ground.
        unexplained: (n,) share of the squared residual near the object that it leaves, in [0, 1].
        drawn: (n, 3, S, S) the fitted object, as an offset from the ground.
        near: (n, S, S) bool, the pixels near the object.
    """

    kind: np.ndarray
    size: np.ndarray
    centre: np.ndarray
    offset: np.ndarray
    unexplained: np.ndarray
    drawn: np.ndarray
    near: np.ndarray


class TemplateBank:
    """Templates of every shape at every size, for one image size.

    Args:
        kinds: signed distance of each shape.
        radii: radius of each size, in world units.
        image_size: side of the images in pixels.
    """

    def __init__(self, kinds: Mapping[str, Distance], radii: Mapping[str, float], image_size: int) -> None:
        self.image_size = image_size
        self._unit = WORLD / image_size
        self._radii = np.array(list(radii.values()))
        types = [(k, s) for k in range(len(kinds)) for s in range(len(radii))]
        distances = list(kinds.values())

        positions, coarse = [], []
        for kind, size in types:
            radius = self._radii[size]
            steps = np.arange(radius, WORLD - radius + 1e-6, _COARSE_STEP)
            steps += (WORLD - steps[0] - steps[-1]) / 2
            y, x = (axis.ravel() for axis in np.meshgrid(steps, steps, indexing="ij"))
            positions.append(np.stack([x, y], 1))
            coarse.append(coverage(distances[kind], x, y, np.full_like(x, radius), image_size))
        self._coarse_xy = np.concatenate(positions)
        self._coarse = np.concatenate(coarse).reshape(len(self._coarse_xy), -1)

        self._reach = int(np.ceil((self._radii.max() * _STRETCHES[-1] + 3) / self._unit + _FINE_OFFSETS[-1]))
        y, x = (axis.ravel() for axis in np.meshgrid(_FINE_OFFSETS, _FINE_OFFSETS, indexing="ij"))
        fine_types, fine = [], []
        for (kind, size), stretch in itertools.product(types, _STRETCHES):
            masks = self._window_masks(distances[kind], x, y, self._radii[size] * stretch)
            for rounds in _BLURS:
                fine_types += [(kind, size)] * len(x)
                fine.append(_softened(masks, rounds).reshape(len(x), -1))
        self._fine_type = np.array(fine_types)
        self._fine_xy = np.tile(np.stack([x, y], 1), (len(fine), 1))
        self._fine = np.concatenate(fine)

    def _window_masks(self, distance: Distance, x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
        """Draw one type at pixel offsets from the centre pixel of a window."""
        side = 2 * self._reach + 1
        # `coverage` maps a world of WORLD units on `side` pixels; scale so that pixels stay pixels.
        unit = WORLD / side
        centre = WORLD / 2
        radii = np.full(len(x), radius / self._unit * unit)
        return coverage(distance, centre + x * unit, centre + y * unit, radii, side)

    def fit(self, residual: np.ndarray, inks: np.ndarray) -> Fit:
        """Find the best single object of each image.

        Residuals (n, 3, S, S) and candidate inks (n, k, 3), float32, are without the ground.
        """
        flat = residual.reshape(len(residual), 3, self.image_size**2)
        best, _ = _best(flat, inks, self._coarse)
        return self.refine(residual, inks, self._coarse_xy[best])

    def refine(self, residual: np.ndarray, inks: np.ndarray, around: np.ndarray) -> Fit:
        """Find the best single object near (n, 2) positions (x, y), in world units."""
        n, reach, side = len(residual), self._reach, 2 * self._reach + 1
        pixel = np.clip(np.rint(around / self._unit - 0.5).astype(np.int64), 0, self.image_size - 1)
        padded = np.pad(residual, ((0, 0), (0, 0), (reach, reach), (reach, reach)))
        windows = sliding_window_view(padded, (side, side), axis=(2, 3))
        rows = np.arange(n)
        window = windows[rows, :, pixel[:, 1], pixel[:, 0]].reshape(n, 3, side * side)
        best, offset = _best(window, inks, self._fine)
        kind, size = self._fine_type[best].T
        centre = (pixel + self._fine_xy[best] + 0.5) * self._unit

        drawn = np.zeros_like(padded)
        patches = (offset[:, :, None] * self._fine[best][:, None]).reshape(n, 3, side, side)
        canvas = sliding_window_view(drawn, (side, side), axis=(2, 3), writeable=True)
        canvas[rows, :, pixel[:, 1], pixel[:, 0]] = patches
        drawn = drawn[:, :, reach:-reach, reach:-reach]

        grid = (np.arange(self.image_size) + 0.5) * self._unit
        dx, dy = (np.abs(grid - axis[:, None]) <= (self._radii[size] + _HALO)[:, None] for axis in centre.T)
        near = dy[:, :, None] & dx[:, None, :]
        energy = ((residual**2).sum(1) * near).sum((1, 2))
        left = (((residual - drawn) ** 2).sum(1) * near).sum((1, 2))
        unexplained = np.clip(left / np.maximum(energy, 1e-6), 0, 1)
        return Fit(kind, size, centre, offset, unexplained, drawn, near)


def _softened(masks: np.ndarray, rounds: int) -> np.ndarray:
    """Blur (t, p, p) masks a little; their border pixels are empty."""
    for _ in range(rounds):
        for axis in (1, 2):
            masks = (np.roll(masks, 1, axis) + 2 * masks + np.roll(masks, -1, axis)) / 4
    return masks.astype(np.float32)


def _best(pixels: np.ndarray, inks: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pick the mask that, in its best ink, takes the most squared residual away.

    Of pixels (n, 3, p), inks (n, k, 3) and masks (t, p): the mask's index (n,), its least-squares colour (n, 3).
    """
    n = len(pixels)
    weight = np.einsum("tp,tp->t", masks, masks)
    overlap = (pixels.reshape(n * 3, masks.shape[1]) @ masks.T).reshape(n, 3, len(masks))
    gain = 2 * (inks @ overlap) - (inks**2).sum(2)[:, :, None] * weight
    best = gain.max(1).argmax(1)
    return best, overlap[np.arange(n), :, best] / weight[best, None]


class TemplateOracle(Oracle):
    """What the oracles of drawn domains share: captions are parsed one by one, images fitted by templates in chunks.

    Args:
        image_size: side of the images in pixels.

    Attributes:
        slots: attribute -> number of its slots.
        kinds: signed distance of each shape.
        radii: radius of each size, in world units.
    """

    slots: ClassVar[Mapping[str, int]]
    kinds: ClassVar[Mapping[str, Distance]]
    radii: ClassVar[Mapping[str, float]]

    def __init__(self, image_size: int) -> None:
        self.image_size, self.attributes = image_size, tuple(self.slots)

    @cached_property
    def bank(self) -> TemplateBank:
        """The templates, made when the first image is read."""
        return TemplateBank(self.kinds, self.radii, self.image_size)

    def parse(self, caption: str) -> Mapping[str, Any]:
        """Return the values that a caption names, by attribute."""
        raise NotImplementedError

    def invert(self, pixels: np.ndarray) -> Mapping[str, np.ndarray]:
        """Read images (n, 3, S, S) float32: attribute -> (n,) or (n, slots) values."""
        raise NotImplementedError

    def tail(self, attribute: str) -> tuple[str, ...]:
        """Return the rarest third of the attribute's values, the rarest first."""
        return rarest_third(self.frequencies()[attribute])

    def read_captions(self, captions: Sequence[str]) -> Readings:
        """Parse captions; what the grammar does not allow is "?" in its own attribute alone."""
        parsed = [self.parse(caption) for caption in captions]
        return join_readings([{name: [item[name] for item in parsed] for name in self.slots}], self.slots)

    def read_images(self, images: np.ndarray) -> Readings:
        """Invert the renderer on (n, size, size, 3) uint8 images; another size than the oracle's is a ValueError."""
        images = np.asarray(images)
        if images.shape[1:] != (self.image_size, self.image_size, 3):
            raise ValueError(f"images must be (n, {self.image_size}, {self.image_size}, 3)")
        chunks = (images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK))
        return join_readings([self.invert(np.moveaxis(c, -1, 1).astype(np.float32)) for c in chunks], self.slots)

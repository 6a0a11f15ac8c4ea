"""What pictures of a set have lost that no network is needed to see: copies, colour, contrast, detail, layouts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from copy import copy
from functools import cached_property

import numpy as np
from PIL import Image

from benchmarks.measuring.lines import Line, Way, line
from benchmarks.metrics.images.pairs import row_blocks, squared_distances

LARGE, SMALL = 128, 16  # sides that pictures are made smaller to: for detail, and for layout
NEAR = 0.05  # of the spread of layouts over pictures: two that differ by less are near copies
LUMA = np.array([0.299, 0.587, 0.114])  # of red, green and blue (ITU-R BT.601)


class Looks:
    """n pictures as a few numbers each.

    Attributes:
        n: How many.
        numbers: (n,) int64, in rising order.
        colour, contrast, detail, brightness: (n,) float64.
        layout: (n, 256) float64, lightness of 16 x 16 fields.
        same: (n,) int64, equal where all pixels are.
    """

    def __init__(self, pictures: Iterable[tuple[int, np.ndarray]]) -> None:
        """Look at numbered pictures one by one, in any order; their rows are in the order of the numbers."""
        numbers, scalars, layouts, digests = [], [], [], []
        for number, pixels in pictures:
            image = Image.fromarray(pixels)
            if max(image.size) > LARGE:
                image.thumbnail((LARGE, LARGE), Image.Resampling.BOX)
            rgb = np.asarray(image, dtype=np.float64)
            light = rgb @ LUMA
            small = image.resize((SMALL, SMALL), Image.Resampling.BOX)
            numbers.append(number)
            scalars.append((_colour(rgb), light.std(), _detail(light), light.mean()))
            layouts.append((np.asarray(small, dtype=np.float64) @ LUMA).ravel())
            digests.append(hashlib.sha256(pixels.tobytes() + str(pixels.shape).encode()).hexdigest())
        order = np.argsort(np.array(numbers, dtype=np.int64))
        self.n, self.numbers = len(order), np.array(numbers, dtype=np.int64)[order]
        self.colour, self.contrast, self.detail, self.brightness = np.array(scalars).reshape(-1, 4)[order].T
        self.layout = np.array(layouts).reshape(-1, SMALL * SMALL)[order]
        self.same = np.unique(np.array(digests, dtype=str)[order], return_inverse=True)[1]

    def first(self, count: int) -> Looks:
        """Return the pictures whose numbers are below one."""
        return self.of(np.flatnonzero(self.numbers < count), numbered=True)

    def of(self, rows: np.ndarray, numbered: bool = False) -> Looks:
        """Return some of the pictures, numbered anew from 0, or as they were."""
        found = copy(self)
        vars(found).pop("_near", None)
        found.n = len(rows)
        for name in ("numbers", "colour", "contrast", "detail", "brightness", "layout", "same"):
            setattr(found, name, getattr(self, name)[rows])
        if not numbered:
            found.numbers = np.arange(found.n)
        return found

    def copied(self, rows: np.ndarray) -> float:
        """Share of pictures that are, pixel for pixel, another one of them."""
        counts = np.bincount(self.same[rows])
        return float(counts[counts > 1].sum()) / len(rows)

    @cached_property
    def _near(self) -> np.ndarray:
        """(n, n / 8) uint8, a bit for every other picture that is a near copy: its layout differs by less than `NEAR`.

        What differs is a share of how layouts do over pictures, so at any contrast.
        """
        fields = self.layout - self.layout.mean(0)
        limit = NEAR**2 * max(2 * float((fields**2).sum(1).mean()), 1e-9)
        rows = []
        for part in row_blocks(self.n):
            near = squared_distances(fields[part], fields) < limit
            near &= self.same[part, None] != self.same[None, :]  # the same pixels are a copy, and no near one
            rows.append(np.packbits(near, axis=1))
        return np.concatenate(rows)

    def near(self, rows: np.ndarray) -> float:
        """Share of pictures that have a near copy, and no copy, among the others."""
        there = np.zeros(self.n, bool)
        there[rows] = True
        return float((self._near[rows] & np.packbits(there)).any(1).mean())

    def variety(self, rows: np.ndarray) -> float:
        """Return the standard deviation of lightness over pictures, field by field of 16 x 16."""
        return float(np.sqrt(self.layout[rows].var(0, ddof=1).mean()))


def _colour(rgb: np.ndarray) -> float:
    """Colourfulness (Hasler and Suesstrunk 2003, eq. 1): spread and mean of two opponent colours; 0 is grey."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    first, second = red - green, (red + green) / 2 - blue
    return float(np.hypot(first.std(), second.std()) + 0.3 * np.hypot(first.mean(), second.mean()))


def _detail(light: np.ndarray) -> float:
    """Return how sudden steps of lightness are: change of a step over the step, which blur lowers."""
    steps = [np.diff(light, axis=axis) for axis in (0, 1)]
    turns = [np.diff(step, axis=axis) for axis, step in enumerate(steps)]
    size = np.mean([np.abs(step).mean() if step.size else 0.0 for step in steps])
    turn = np.mean([np.abs(step).mean() if step.size else 0.0 for step in turns])
    return float(turn / size) if size > 0 else 0.0


MEASURES: tuple[tuple[str, Way, str, Callable[[Looks, np.ndarray], float]], ...] = (
    ("copies", "up", "pictures that are pixel for pixel another one", Looks.copied),
    ("near_copies", "up", "pictures with a near copy among the others", Looks.near),
    ("colour", "down", "colourfulness, 0 is grey", lambda looks, rows: float(looks.colour[rows].mean())),
    ("contrast", "down", "spread of lightness in a picture", lambda looks, rows: float(looks.contrast[rows].mean())),
    ("detail", "down", "how sudden steps of lightness are", lambda looks, rows: float(looks.detail[rows].mean())),
    ("layout", "down", "spread of lightness between pictures, field by field", Looks.variety),
    ("brightness", "", "mean lightness, of 255", lambda looks, rows: float(looks.brightness[rows].mean())),
)  # fmt: skip


def picture_lines(mine: Looks, real: Looks | None, seed: int = 0) -> list[Line]:
    """Measure pictures of a set beside as many real ones."""
    n = mine.n if real is None else min(mine.n, real.n)

    def of(looks: Looks, measure: Callable[[Looks, np.ndarray], float]) -> Callable[[np.ndarray], float]:
        return lambda rows: measure(looks, rows)

    return [
        line(
            name, "images", worse, about, of(mine, measure), None if real is None else of(real, measure), n, seed,
            twins=measure in (Looks.copied, Looks.near),
        )
        for name, worse, about, measure in MEASURES
    ]  # fmt: skip

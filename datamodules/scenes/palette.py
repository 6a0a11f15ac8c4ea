"""Telling colours apart in images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datamodules.scenes.laws import Law
from datamodules.scenes.oracle import UNREADABLE


def border_pixels(pixels: np.ndarray) -> np.ndarray:
    """Return (n, 3, 4 S - 4), the outermost pixels of (n, 3, S, S) images."""
    return np.concatenate([pixels[:, :, 0], pixels[:, :, -1], pixels[:, :, 1:-1, 0], pixels[:, :, 1:-1, -1]], axis=2)


def border_colour(pixels: np.ndarray) -> np.ndarray:
    """Return (n, 3) float32, the median colour of the border of (n, 3, S, S) images."""
    return np.median(border_pixels(pixels), axis=2).astype(np.float32)


def border_share(pixels: np.ndarray, colour: np.ndarray, reach: float) -> np.ndarray:
    """Return (n,), the share of the border within a distance of (n, 3) colours."""
    away = ((border_pixels(pixels) - colour[:, :, None]) ** 2).sum(1)
    return (away <= reach**2).mean(1)


def visible(residual: np.ndarray, contrast: float) -> np.ndarray:
    """Return (n,), how many pixels of (n, 3, S, S) residuals exceed a Euclidean contrast."""
    return ((residual**2).sum(1) > contrast**2).sum((1, 2))


def nearest(colours: np.ndarray, law: Law, table: dict[str, tuple[int, int, int]], reach: float) -> np.ndarray:
    """Name colours (n, 3) in 0..255 by a law's values, whose colours a table holds: (n,) objects.

    A colour whose Euclidean distance from all of them is above `reach` is "?".
    """
    return named(colours, law.values, np.array([table[value] for value in law.values]), reach)


def named(points: np.ndarray, names: Sequence[str], at: np.ndarray, reach: float) -> np.ndarray:
    """Return (n,) the name of the closest of (k, d) positions to each of (n, d) points, or "?"."""
    distance = np.sqrt(((points[:, None] - at) ** 2).sum(2))
    closest = np.array(names, dtype=object)[distance.argmin(1)]
    return np.where(distance.min(1) <= reach, closest, UNREADABLE)

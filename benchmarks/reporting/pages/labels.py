"""Names beside what they name: apart from each other, and as close as that allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

#: Left, top, right and bottom in pixels.
Box: TypeAlias = tuple[float, float, float, float]
#: Pixels that a letter is wide and high, of the size that points are named in.
LETTER, HEIGHT = 4.6, 9.0
#: Pixels that a name may be moved up or down.
MOVES = (0, 10, -10, 20, -20, 30, -30, 40, -40)


def spread(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return ascending heights moved as little as needed to be a gap apart and between two limits, where they fit."""
    found = list(heights)
    for _ in range(200):  # a few sweeps settle it; the bound only guards against endless loops
        before = list(found)
        for i in range(1, len(found)):
            overlap = gap - (found[i] - found[i - 1])
            if overlap > 1e-9 * gap:
                found[i - 1] -= overlap / 2
                found[i] += overlap / 2
        if found and found[0] < low:
            found = [max(h, low + i * gap) for i, h in enumerate(found)]
        if found and found[-1] > high:
            found = [min(h, high - (len(found) - 1 - i) * gap) for i, h in enumerate(found)]
        if np.allclose(found, before, rtol=0, atol=1e-6 * gap):
            break
    return found


def beside(points: Sequence[tuple[float, float]], names: Sequence[str], size: tuple[int, int]) -> list[Box]:
    """Return a box for the name of each point, on the first side where it covers no other name or point.

    Args:
        points: In pixels from the left and the top of a plot.
        names: What they are called.
        size: Width and height of the plot.
    """
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    found: dict[int, Box] = {}
    for i in sorted(range(len(points)), key=lambda i: (points[i][1], names[i])):
        x, y = points[i]
        wide = LETTER * len(names[i])
        places = [(x + dx, y + dy) for dy in MOVES for dx in (7, -7 - wide)]
        boxes = [(left, mid - HEIGHT / 2, left + wide, mid + HEIGHT / 2) for left, mid in places]
        free = (b for b in boxes if b[0] > 0 and b[2] < size[0] and not any(_cover(b, other) for other in taken))
        found[i] = next(free, boxes[0])
        taken.append(found[i])
    return [found[i] for i in range(len(points))]


def _cover(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]

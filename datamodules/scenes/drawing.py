"""Drawing: soft-edged shapes from signed distances, blended onto a ground.

Only element-wise additions, products, square roots and maxima are used. These are exactly rounded
everywhere, so the bytes do not depend on the machine, the batch or the numpy version.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

WORLD = 32.0  # side of the world in its own units; one unit is one pixel of a 32-pixel image

# Far from each other and from every ground, on screens and after an autoencoder.
INK = {
    "blue": (35, 70, 225), "red": (215, 25, 35), "green": (30, 150, 60), "yellow": (250, 225, 40),
    "purple": (140, 50, 190), "orange": (245, 120, 10), "cyan": (30, 205, 225), "pink": (255, 130, 200),
}  # fmt: skip

Distance = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def pixel_grid(size: int) -> np.ndarray:
    """Return (size,) float32 world coordinates of the pixel centres."""
    return ((np.arange(size) + 0.5) * (WORLD / size)).astype(np.float32)


def coverage(distance: Distance, x: np.ndarray, y: np.ndarray, radius: np.ndarray, size: int) -> np.ndarray:
    """Draw one shape at m positions: (m, size, size) float32 in [0, 1], the share of each pixel that is covered.

    Args:
        distance: signed distance of the shape, of (x, y, radius), negative inside.
        x: (m,) centres, in world units, to the right.
        y: (m,) centres, downwards.
        radius: (m,) half widths.
        size: side of the image in pixels.
    """
    grid = pixel_grid(size)
    dx = grid[None, None, :] - np.asarray(x, np.float32)[:, None, None]
    dy = grid[None, :, None] - np.asarray(y, np.float32)[:, None, None]
    inside = distance(dx, dy, np.asarray(radius, np.float32)[:, None, None])
    inside *= np.float32(-size / WORLD)
    inside += np.float32(0.5)
    return np.clip(inside, 0.0, 1.0, out=inside)


def blend(ground: np.ndarray, layers: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Paint layers over a ground and round to bytes, (n, H, W, 3) uint8.

    The ground is float32 in [0, 255], broadcastable to (n, H, W, 3); layers are pairs of coverage (n, H, W) and colour
    (n, 3), painted in order.
    """
    n, height, width = layers[0][0].shape
    image = np.empty((n, 3, height, width), np.float32)
    image[:] = np.moveaxis(ground, -1, 1)
    for mask, colour in layers:
        image += mask[:, None] * (colour.astype(np.float32)[:, :, None, None] - image)
    return np.ascontiguousarray(np.moveaxis(np.rint(image, out=image).astype(np.uint8), 1, -1))


def circle(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Signed distance of a filled circle."""
    return np.sqrt(x * x + y * y) - np.float32(0.98) * radius


def square(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Signed distance of an upright square, a little narrower so that its area suits the circle's."""
    return np.maximum(np.abs(x), np.abs(y)) - np.float32(0.88) * radius


def triangle(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Signed distance of a triangle standing on its base."""
    steep = np.float32(1.85 / math.hypot(1.0, 1.85))
    flat = np.float32(1.0 / math.hypot(1.0, 1.85))
    return np.maximum(y - np.float32(0.85) * radius, np.abs(x) * steep - (y + radius) * flat)


def cross(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Signed distance of an upright cross with slim arms."""
    across, down, arm = np.abs(x), np.abs(y), np.float32(0.3) * radius
    return np.minimum(np.maximum(across - arm, down - radius), np.maximum(across - radius, down - arm))


def ring(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Signed distance of a ring whose hole is half its width."""
    return np.abs(np.sqrt(x * x + y * y) - np.float32(0.75) * radius) - np.float32(0.25) * radius


def diamond(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Signed distance of a square standing on a corner."""
    return (np.abs(x) + np.abs(y) - np.float32(1.05) * radius) * np.float32(math.sqrt(0.5))

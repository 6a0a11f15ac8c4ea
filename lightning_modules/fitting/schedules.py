"""How the learning rate changes over the steps of a fit."""

from __future__ import annotations

import math

from lightning_modules.fitting.contracts import Schedule


def constant(warmup: int) -> Schedule:
    """Return a learning rate factor: linear warm-up, then 1."""
    return lambda step: min(1.0, (step + 1) / (warmup + 1))


def cosine(warmup: int, steps: int) -> Schedule:
    """Return a learning rate factor: linear warm-up, then half a cosine down to 0 at `steps`."""
    return lambda step: (
        min(1.0, (step + 1) / (warmup + 1)) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))
    )

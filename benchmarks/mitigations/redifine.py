"""ReDiFine: drop conditions while fine-tuning, and let guidance decay over the denoising steps (2407.17493).

The dropped conditions are a fit setting, `condition_drop`, which the method's YAML patches; here is the schedule. The
constants of both are ours: those of the paper could not be had.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from benchmarks.methods.hooks import Mitigation


class ReDiFine(Mitigation):
    """Draw with a guidance scale that falls on a line from the loop's own, at the first step, to `end` at the last.

    Args:
        end: Scale of the last step, 1 or more; where the loop's own is smaller, that is kept throughout.
    """

    name: ClassVar[str] = "redifine"
    modalities: ClassVar[tuple[str, ...]] = ("generator",)

    def __init__(self, end: float = 1.0):
        if not (math.isfinite(end) and end >= 1):
            raise ValueError(f"end: found {end}; allowed: a number of 1 or more")
        self.end = end

    def sampling(self, ctx: Any) -> Any:
        """Take over the sampling, with the schedule."""
        return Decaying(self.end)


class Decaying:
    """Samples with decaying guidance.

    Args:
        end: Scale of the last step.
    """

    def __init__(self, end: float):
        self.end = end

    def scale(self, start: float, number: int, steps: int) -> float:
        """Return the guidance scale of a step, counted from 0; solvers that ask more often stay at the end."""
        share = min(1.0, number / (steps - 1)) if steps > 1 else 0.0
        return start + (min(self.end, start) - start) * share

    def generate(self, model: Any, inputs: Any, decoding: Any, seeds: np.ndarray) -> Any:
        """Draw one image a prompt; an evaluation at scale 1 is counted once, any other twice."""
        from lightning_modules.diffusion.guidance import Steering

        steering = Steering(guidance=lambda number, steps: self.scale(decoding.guidance, number, steps))
        return model.generate(inputs, decoding, seeds, steering=steering)

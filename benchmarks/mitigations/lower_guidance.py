"""Lower guidance: draw the training set with a smaller guidance scale, which drives collapse most (2407.17493)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

from benchmarks.methods.hooks import Mitigation


class LowerGuidance(Mitigation):
    """Draw with the smaller of `scale` and the loop's own guidance; evaluation keeps its own.

    Args:
        scale: Classifier-free guidance scale, 1 or more; 1 = the conditional model alone, at half the evaluations. The
            paper varies the scale; 2 is our default.
    """

    name: ClassVar[str] = "lower_guidance"
    modalities: ClassVar[tuple[str, ...]] = ("generator",)

    def __init__(self, scale: float = 2.0):
        if not (math.isfinite(scale) and scale >= 1):
            raise ValueError(f"scale: found {scale}; allowed: a number of 1 or more")
        self.scale = scale

    def sampling(self, ctx: Any) -> Any:
        """Return the decoding with less guidance."""
        return replace(ctx.decoding, guidance=min(self.scale, ctx.decoding.guidance))

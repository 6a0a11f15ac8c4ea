"""KL to base: pull the predictions back to those of the base while training (1606.09282)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from benchmarks.methods.hooks import Mitigation


class NearBasePredictions(Mitigation):
    """Add strength times the divergence of the predictions from the base's, on the same rows, to the loss.

    Of a captioner that is KL(base, own) of the next token, mean over the tokens of a caption; of a generator the mean
    squared difference of the predictions, the same for Gaussian steps up to a factor. Every training step takes one
    evaluation of the base a sample, which is costed.

    Args:
        strength: Above 0; 1 as in the paper, where old and new tasks weigh the same.
    """

    name: ClassVar[str] = "near_base_predictions"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"objective": ("base",)}

    def __init__(self, strength: float = 1.0):
        if not (math.isfinite(strength) and strength > 0):
            raise ValueError(f"strength: found {strength}; allowed: a number above 0")
        self.strength = strength

    def objective(self, ctx: Any) -> Any:
        """Return the loss with the pull."""
        from lightning_modules.fitting.regularizers import NearPredictions

        ctx.spend(network_evaluations=ctx.settings.steps * ctx.settings.batch_size)
        return NearPredictions(self.strength, ctx.base, ctx.settings)

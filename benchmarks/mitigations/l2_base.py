"""L2 to base: pull the weights back to where they came from while training (L2-SP, 1802.01483)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from benchmarks.methods.hooks import Mitigation


class NearBaseWeights(Mitigation):
    """Add strength / 2 times the squared distance of the trained weights from the base's to the loss.

    With adapters the squared norm of the products B A is added: that is how far they lead from the base.

    Args:
        strength: Above 0. The paper searches 0.001 to 1; 0.1 within that is our choice.
    """

    name: ClassVar[str] = "near_base_weights"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"objective": ("base",)}

    def __init__(self, strength: float = 0.1):
        if not (math.isfinite(strength) and strength > 0):
            raise ValueError(f"strength: found {strength}; allowed: a number above 0")
        self.strength = strength

    def objective(self, ctx: Any) -> Any:
        """Return the loss with the pull."""
        from lightning_modules.fitting.adapters import trained_state
        from lightning_modules.fitting.regularizers import NearWeights

        return NearWeights(self.strength, {} if ctx.settings.lora else trained_state(ctx.base))

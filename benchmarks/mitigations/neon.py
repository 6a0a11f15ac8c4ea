"""Neon: take the step of self-training backwards (2510.03597)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from benchmarks.methods.hooks import Mitigation


class Neon(Mitigation):
    """Next weights = (1 + weight) times those before the fit minus weight times those after it.

    The fit on the iteration's pool is the self-training. With adapters the products B A are extrapolated, and the
    manifest notes what putting them back into factors of their rank lost.

    Args:
        weight: How far to go the other way, above 0. The authors' code searches 0.25 to 2; 0.5 is ours.
    """

    name: ClassVar[str] = "neon"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"merge": ("start",)}

    def __init__(self, weight: float = 0.5):
        if not (math.isfinite(weight) and weight > 0):
            raise ValueError(f"weight: found {weight}; allowed: a number above 0")
        self.weight = weight

    def merge(self, ctx: Any) -> Any:
        """Extrapolate."""
        from lightning_modules.fitting.adapters import mix

        model = ctx.new_model
        lost = mix(model, [(1 + self.weight, ctx.start), (-self.weight, model)])
        ctx.note(refactoring_error=lost.overall)
        return model

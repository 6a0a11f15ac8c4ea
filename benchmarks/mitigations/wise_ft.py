"""WiSE-FT: average the fitted weights with those of the base (2109.01903)."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.methods.hooks import Mitigation


class BaseAverage(Mitigation):
    """Next weights = (1 - alpha) times those of the base plus alpha times the fitted ones.

    With adapters the products B A are scaled, since the base's is 0.

    Args:
        alpha: In (0, 1); the paper recommends 0.5 where nothing is known.
    """

    name: ClassVar[str] = "base_average"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"merge": ("base",)}

    def __init__(self, alpha: float = 0.5):
        if not 0 < alpha < 1:
            raise ValueError(f"alpha: found {alpha}; allowed: above 0, below 1")
        self.alpha = alpha

    def merge(self, ctx: Any) -> Any:
        """Average."""
        from lightning_modules.fitting.adapters import mix

        model = ctx.new_model
        lost = mix(model, [(1 - self.alpha, ctx.base), (self.alpha, model)])
        ctx.note(refactoring_error=lost.overall)
        return model

"""EMA: a moving average of the weights over iterations, as averaged teachers keep it over steps (1703.01780)."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.methods.hooks import Mitigation


class MovingAverage(Mitigation):
    """Next weights = decay times those of the iteration before plus (1 - decay) times the fitted ones.

    With adapters the products B A are averaged, and the manifest notes what putting them back into factors lost.

    Args:
        decay: In (0, 1). Published decays are of steps; 0.5 an iteration is ours.
    """

    name: ClassVar[str] = "moving_average"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"merge": ("previous",)}

    def __init__(self, decay: float = 0.5):
        if not 0 < decay < 1:
            raise ValueError(f"decay: found {decay}; allowed: above 0, below 1")
        self.decay = decay

    def merge(self, ctx: Any) -> Any:
        """Average."""
        from lightning_modules.fitting.adapters import mix

        model = ctx.new_model
        lost = mix(model, [(self.decay, ctx.previous), (1 - self.decay, model)])
        ctx.note(refactoring_error=lost.overall)
        return model

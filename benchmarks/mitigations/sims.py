"""SIMS: steer sampling away from a model that was trained longer on synthetic data (2408.16333)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from benchmarks.methods.hooks import Mitigation


class Sims(Mitigation):
    """Draw set t + 1 with (1 + weight) times the live model's score minus weight times the auxiliary model's.

    The auxiliary model is the live model of iteration t, fine-tuned once more on the synthetic set t. The first set is
    drawn plainly: there is no synthetic set before it. Predictions of noise or velocity are mixed, which is the mix of
    the scores, since its weights sum to one. Evaluation stays plain, as everywhere.

    Args:
        weight: How far to go, above 0. The paper searches it for each data set; 0.5 is ours.
        budget: Steps of the auxiliary model's training, as a share of a fit's; 1 is ours.
    """

    name: ClassVar[str] = "sims"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"auxiliary": ("fitted",), "sampling": ("auxiliary",)}
    modalities: ClassVar[tuple[str, ...]] = ("generator",)

    def __init__(self, weight: float = 0.5, budget: float = 1.0):
        for name, value in (("weight", weight), ("budget", budget)):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name}: found {value}; allowed: a number above 0")
        self.weight, self.budget = weight, budget

    def auxiliary(self, ctx: Any) -> Any:
        """Train a copy of the live model on the pool, and report what that took."""
        model = ctx.fresh("fitted")
        settings = replace(ctx.settings, steps=max(1, round(self.budget * ctx.settings.steps)))
        return model, model.fit_pairs(ctx.pool, settings, ctx.seed, progress=ctx.progress)

    def sampling(self, ctx: Any) -> Any:
        """Take over the sampling from the second set on."""
        away = ctx.auxiliary.get("generator")
        return ctx.decoding if away is None else Away(away, self.weight)


class Away:
    """Samples away from a second model.

    Args:
        auxiliary: The model to lead away from, of the same architecture.
        weight: How far.
    """

    def __init__(self, auxiliary: Any, weight: float):
        self.auxiliary, self.weight = auxiliary, weight

    def generate(self, model: Any, inputs: Any, decoding: Any, seeds: np.ndarray) -> Any:
        """Draw one image a prompt, with an evaluation of the second model for each of the first.

        Raises:
            ValueError: The models differ in architecture, as the members of a diverse ensemble do.
        """
        from lightning_modules.diffusion.guidance import Steering
        from lightning_modules.fitting.devices import device

        if model.pipeline != self.auxiliary.pipeline or model.network_shapes() != self.auxiliary.network_shapes():
            raise ValueError(
                f"sims: an auxiliary {self.auxiliary.pipeline} cannot steer this {model.pipeline}: they differ in "
                "architecture; allowed: scenarios with one generator, or with copies of one"
            )
        steering = Steering(auxiliary=self.auxiliary.to(device()), weight=self.weight)
        return model.generate(inputs, decoding, seeds, steering=steering)

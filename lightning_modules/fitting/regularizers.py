"""Objectives that hold a model near another one, in its weights or in what it predicts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lightning_modules.fitting import adapters, gradients
from lightning_modules.fitting.module import FitModule
from lightning_modules.fitting.objectives import weighted_mean
from lightning_modules.settings import FitSettings


class NearWeights:
    """Adds strength / 2 times the squared distance of the trained weights from a base's (1802.01483, eq. 1).

    Of an adapter that is the squared norm of the products B A that it adds.

    Args:
        strength: of the pull.
        base: `adapters.trained_state` of the base; {} where an adapter is trained.
    """

    def __init__(self, strength: float, base: dict[str, Tensor]) -> None:
        self.strength, self.base = strength, base

    def __call__(self, losses: Tensor, context: dict[str, Any]) -> Tensor:
        """Return the weighted mean of the losses (b,) and the pull."""
        self.base = {name: value.to(losses.device) for name, value in self.base.items()}  # copied once
        pull = adapters.squared_distance(context["module"], self.base)
        return weighted_mean(losses, context) + self.strength / 2 * pull


class NearPredictions:
    """Adds strength times the divergence of the predictions from a base's for the same rows.

    Args:
        strength: of the pull.
        base: frozen; sees what the trained model sees: tokens, noise, times and dropped conditions.
        settings: of the fit.
    """

    def __init__(self, strength: float, base: FitModule, settings: FitSettings) -> None:
        self.strength, self.base, self.settings = strength, base, settings

    def __call__(self, losses: Tensor, context: dict[str, Any]) -> Tensor:
        """Return the weighted mean over samples of loss plus pull."""
        self.base.to(losses.device)
        pull = context["module"].distance_from(context, self.seen(context["batch"], len(losses)))
        return weighted_mean(losses + self.strength * pull, context)

    @torch.no_grad()
    def seen(self, batch: dict[str, Tensor], n: int) -> dict[str, Any]:
        """Return what the base predicts for the n rows of a batch, as many at a time as a fit of it would take."""
        parts = torch.arange(n).split(self.base.execution.micro_batch or n)
        found = [self.base.losses({k: v[part.to(v.device)] for k, v in batch.items()}, self.settings) for part in parts]
        return gradients.joined(found)[1]

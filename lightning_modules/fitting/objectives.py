"""The usual objective, a weighted mean, and its weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def weighted_mean(losses: Tensor, context: dict[str, Any]) -> Tensor:
    """Return the mean of the per-sample losses (b,), weighted by context["weights"] (b,)."""
    weights = context["weights"]
    return (losses * weights).sum() / weights.sum().clamp_min(1e-8)


def loss_weights(n: int, weights: np.ndarray | None) -> Tensor:
    """Return loss weights (n,) float32, all one where none are given."""
    return torch.ones(n) if weights is None else torch.as_tensor(weights, dtype=torch.float32)

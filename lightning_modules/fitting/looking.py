"""Losses that are only looked at, without gradients: of as many rows at once as there is memory for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from lightning_modules import memory
from lightning_modules.fitting.gradients import joined

Found = tuple[Tensor, dict[str, Any]]


def in_halves(losses: Callable[..., Found]) -> Callable[..., Found]:
    """Have losses of rows that there is no memory for taken in halves, where no gradient is asked for.

    With gradients it is the training step that halves (`FitModule.training_step`): what it keeps for the way back is
    its own affair. Padding aside, pieces put together are what the whole would have been (`gradients.joined`).
    """

    @wraps(losses)
    def run(self: Any, batch: dict[str, Tensor], settings: Any = None) -> Found:
        n = len(next(iter(batch.values())))
        if torch.is_grad_enabled() or not n:
            return losses(self, batch, settings)

        def some(part: slice) -> Found:
            return losses(self, {name: value[part] for name, value in batch.items()}, settings)

        found = memory.in_parts("losses", n, n, some)
        return found[0] if len(found) == 1 else joined(found)

    return run

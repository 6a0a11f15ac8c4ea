"""The gradient of one training step over several devices, under an objective that looks at the whole batch.

An objective that is linear in the losses needs no more than a sum over the devices (`gradients.pieces`). Any other has
to see what all devices found, in the middle of the step; so where one of them runs out of memory, all begin again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from lightning_modules import memory
from lightning_modules.fitting import gradients
from lightning_modules.fitting.gradients import Losses, Whole


def pieces(
    losses: Losses, objective: Whole, n: int, micro: int, rank: int, world: int, here: torch.device
) -> Tensor | None:
    """Add up device `rank`'s part of the gradient of a batch of n rows, `micro` rows at a time at most.

    Gradients must be summed over the devices afterwards.

    Args:
        losses: called with row numbers.
        objective: of the whole batch.
        n: rows of the batch.
        micro: rows of a piece at most.
        rank: which device this is.
        world: how many there are.
        here: the device, on which they tell one another what happened: a backend such as NCCL knows no other.

    Returns:
        Tensor: the loss of the whole batch; None on every device where one of them has run out of memory.

    Raises:
        ValueError: a context entry is not by rows, so that pieces of it cannot be put together.
    """
    mine = torch.arange(n).tensor_split(world)[rank]
    loss, told = torch.zeros((), device=here), False

    def whole(values: Tensor, context: dict[str, Any]) -> Tensor:
        nonlocal loss, told
        told = True
        parts = _told((values, context), world)
        if None in parts:
            raise torch.OutOfMemoryError("another device has no memory for its part of the step")
        parts[rank] = _steeper(values, world), {name: _steeper(v, world) for name, v in context.items()}
        share = objective(*gradients.joined(parts)) / world
        loss = share.detach() * world
        return share

    full = False
    try:
        gradients.pieces(lambda part: losses(mine[part]), whole, len(mine), micro)
    except Exception as error:
        if not memory.is_full(error):
            raise
        full = True
    if full and not told:
        _told(None, world)  # the others wait for it
    return None if _anywhere(full, here) else loss


def _told(found: Any, world: int) -> list[Any]:
    """Return what every device has found, by rank, where this one's lies."""
    parts: list[Any] = [None] * world
    mine = None if found is None else (found[0].detach().cpu(), {k: _moved(v, "cpu") for k, v in found[1].items()})
    dist.all_gather_object(parts, mine)
    if found is None or None in parts:
        return parts
    here = found[0].device
    return [(values.to(here), {k: _moved(v, here) for k, v in context.items()}) for values, context in parts]


def _moved(value: Any, where: Any) -> Any:
    return value.detach().to(where) if isinstance(value, Tensor) else value


def _steeper(value: Any, times: int) -> Any:
    """Return equal numbers whose slopes count several times: of the weights themselves each device adds its share."""
    if not (isinstance(value, Tensor) and value.requires_grad):
        return value
    same = value.clone()
    same.register_hook(lambda slope: slope * times)
    return same


def _anywhere(here: bool, where: torch.device) -> bool:
    """Tell whether something happened on any device."""
    happened = torch.tensor(here, dtype=torch.int32, device=where)
    dist.all_reduce(happened, dist.ReduceOp.MAX)
    return bool(happened)

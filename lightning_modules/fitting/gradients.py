"""The gradient of one training step: at once, or added up over micro-batches and devices.

An objective sees the whole batch: it may divide by the sum of the weights, compare samples, or look at logits. So that
pieces add up to exactly that, its derivative by every sample's loss and context comes first, from a pass without
gradients (as in 2101.06983), and each piece then goes backward with its share. An objective that is linear in the
losses, as the weighted mean is, needs no first pass. A piece is as wide as its longest caption; what is beyond is
filled up and marked as padding, so an objective must not count padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torch import distributed as dist
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

#: Losses (m,) and context of some rows of the batch.
Losses = Callable[[Tensor], tuple[Tensor, dict[str, Any]]]
#: The objective of the whole batch, given its losses (b,) and context.
Whole = Callable[[Tensor, dict[str, Any]], Tensor]


def whole(losses: Losses, objective: Whole, n: int) -> Tensor:
    """Add up the gradient of a batch of n rows at once; return the loss."""
    loss = objective(*losses(torch.arange(n)))
    backward(loss)
    return loss.detach()


def pieces(
    losses: Losses, objective: Whole, n: int, micro: int, linear: Tensor | None = None, rank: int = 0, world: int = 1
) -> Tensor:
    """Add up the gradient of a batch of n rows, `micro` rows at a time at most; return the loss of the whole batch.

    Device number `rank` of `world` takes its share of the rows; gradients must be summed over the devices afterwards.

    Args:
        losses: called with row numbers.
        objective: of the whole batch.
        n: rows of the batch.
        micro: rows of a piece at most.
        linear: any losses (n,), where the objective is linear in them and looks at nothing else.
        rank: which device this is.
        world: how many there are.

    Raises:
        ValueError: a context entry is not by rows, so that pieces of it cannot be put together.
    """
    rows = torch.arange(n).tensor_split(world)[rank].split(micro)
    total, by_context = torch.zeros(()), {}
    if linear is not None:
        leaf = torch.zeros_like(linear).requires_grad_(True)
        objective(leaf, {}).backward()
        slopes = leaf.grad
    else:
        found = _gathered([_looked_at(losses, part) for part in rows], world)
        values, context = joined(found)
        values.requires_grad_(True)
        leaves = {k: v.requires_grad_(True) for k, v in context.items() if _slopes(v)}
        total = objective(values, context)
        # Of the weights themselves, as in a penalty, the objective is differentiated here, on every device alike.
        backward(total / world)
        total = total.detach()
        slopes = values.grad if values.grad is None else values.grad * world
        by_context = {k: v.grad * world for k, v in leaves.items() if v.grad is not None}
    for part in rows:
        own, context = losses(part)
        terms = [] if slopes is None else [(own * slopes[part].to(own)).sum()]
        terms += [(context[k] * _cut(g[part], context[k])).sum() for k, g in by_context.items()]
        if terms:
            backward(torch.stack([t.float() for t in terms]).sum())
        if linear is not None:
            total = total.to(own.device) + terms[0].detach()
    if linear is not None and world > 1:
        dist.all_reduce(total)
    return total


def backward(loss: Tensor) -> None:
    """Go backward outside of any autocast, and forget the casts: the next piece has a graph of its own."""
    with torch.autocast(loss.device.type, enabled=False):
        loss.backward()
    torch.clear_autocast_cache()


@torch.no_grad()
def _looked_at(losses: Losses, part: Tensor) -> tuple[Tensor, dict[str, Any]]:
    found = losses(part)
    torch.clear_autocast_cache()  # casts made without gradients must not serve the pass with them
    return found


def _gathered(found: list[tuple[Tensor, dict[str, Any]]], world: int) -> list[tuple[Tensor, dict[str, Any]]]:
    """Return the pieces of all devices, in the order of the rows."""
    if world == 1:
        return found
    here = found[0][0].device
    mine = [(v.cpu(), {k: c.cpu() if isinstance(c, Tensor) else c for k, c in x.items()}) for v, x in found]
    parts: list[Any] = [None] * world
    dist.all_gather_object(parts, mine)
    return [
        (v.to(here), {k: c.to(here) if isinstance(c, Tensor) else c for k, c in x.items()}) for p in parts for v, x in p
    ]


def joined(found: list[tuple[Tensor, dict[str, Any]]]) -> tuple[Tensor, dict[str, Any]]:
    """Put losses and context of pieces together, shorter rows filled up; an entry not by rows is a ValueError."""
    context: dict[str, Any] = {}
    for name, first in found[0][1].items():
        values = [piece[1][name] for piece in found]
        if not isinstance(first, Tensor):
            context[name] = first
            continue
        if any(v.ndim == 0 or len(v) != len(piece[0]) for v, piece in zip(values, found, strict=True)):
            raise ValueError(f"the context's {name!r} is not by rows: this objective needs the whole batch at once")
        sizes = [max(v.shape[d] for v in values) for d in range(1, first.ndim)]
        context[name] = torch.cat([_filled(v, sizes) for v in values])
    return torch.cat([piece[0] for piece in found]), context


def _filled(value: Tensor, sizes: list[int]) -> Tensor:
    """Fill up every dimension but the first: False, 0, and -100 for tokens, which no loss counts."""
    wanted = [x for size, own in zip(reversed(sizes), reversed(value.shape[1:]), strict=True) for x in (0, size - own)]
    whole_numbers = not value.is_floating_point() and value.dtype != torch.bool
    return F.pad(value, wanted, value=-100 if whole_numbers else 0)


def _cut(value: Tensor, like: Tensor) -> Tensor:
    return value[tuple(slice(size) for size in like.shape)].to(like)


def _slopes(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def summed(parameters: list[Any]) -> None:
    """Sum the gradients of all devices; what has a gradient on none of them keeps none."""
    has = torch.tensor([p.grad is not None for p in parameters], dtype=torch.int32, device=parameters[0].device)
    dist.all_reduce(has, dist.ReduceOp.MAX)
    for parameter, somewhere in zip(parameters, has.tolist(), strict=True):
        if somewhere:
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            dist.all_reduce(parameter.grad)


@contextmanager
def checkpointed(module: LightningModule, wanted: bool) -> Iterator[None]:
    """Recompute activations in the backward pass in here.

    The libraries' own switch works in training mode only, which would bring dropout along.
    """
    layers = [m for m in module.modules() if wanted and isinstance(m, GradientCheckpointingLayer)]
    networks = [m for m in module.modules() if wanted and getattr(m, "_supports_gradient_checkpointing", False)]
    networks = [m for m in networks if hasattr(m, "enable_gradient_checkpointing")]  # those of diffusers
    for layer in layers:
        layer.forward = _again(layer.forward)
    for network in networks:
        network.enable_gradient_checkpointing()
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward
        for network in networks:
            network.disable_gradient_checkpointing()


def _again(forward: Callable[..., Any]) -> Callable[..., Any]:
    def recomputed(*inputs: Any, **options: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*inputs, **options)
        return checkpoint(forward, *inputs, use_reentrant=False, preserve_rng_state=False, **options)

    return recomputed

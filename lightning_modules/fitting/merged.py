"""Sampling with adapters added to the weights that they sit on: one product a layer in place of three."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import nn

from lightning_modules.fitting import adapters
from lightning_modules.fitting.devices import device
from lightning_modules.fitting.module import FitModule


@contextmanager
def merged(module: FitModule) -> Iterator[None]:
    """Put plain layers of summed weights in the place of adapted ones in here, where the module `merges`.

    No weight is written to: the base may be shared with other models, and a sum that is taken back is not what it was.
    In bfloat16 a sum is rounded as every product with it would be.
    """
    if not module.merges:
        yield
        return
    module.to(device())
    part = module.trained_part()
    before = {name: layer for name, layer in part.named_modules() if isinstance(layer, LoraLayer)}
    for name, layer in before.items():
        _put(part, name, _summed(layer))
    try:
        yield
    finally:
        for name, layer in before.items():
            _put(part, name, layer)


@torch.no_grad()
def _summed(layer: Any) -> nn.Module:
    """Return a layer that does what an adapted one does, with the same bias and weights of its own."""
    base = layer.get_base_layer()
    plain = copy.copy(base)
    plain._parameters = dict(base._parameters)
    weight = base.weight.float() + layer.get_delta_weight(adapters.NAME).float()
    plain.weight = nn.Parameter(weight.to(base.weight.dtype), requires_grad=False)
    return plain


def _put(part: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    part.get_submodule(parent)._modules[own] = layer

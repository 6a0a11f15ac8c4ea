"""The number format that networks compute in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import nn

from lightning_modules.fitting.devices import device

T = TypeVar("T")


def as_loaded(method: Callable[..., T]) -> Callable[..., T]:
    """Run a method of a model without gradients, and in bfloat16 on one whose `loaded_as` says so."""

    @wraps(method)
    def run(self: Any, *inputs: Any, **options: Any) -> T:
        half = self.loaded_as == "bfloat16"
        with torch.no_grad(), torch.autocast(device().type, torch.bfloat16, enabled=half):
            return method(self, *inputs, **options)

    return run


@contextmanager
def tf32(wanted: bool) -> Iterator[None]:
    """Let NVIDIA GPUs round what goes into products and convolutions of float32 in here, or see that they do not.

    By itself torch has convolutions rounded, and products not. Processors round neither.
    """
    matmul, convolution = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if wanted else "highest")
    torch.backends.cudnn.allow_tf32 = wanted
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = convolution


@contextmanager
def own_precision(network: nn.Module, allowed: bool = True) -> Iterator[None]:
    """Compute in the precision of a network's weights, without the casts of autocast, where they have but one."""
    where = next(network.parameters()).device.type
    if not (allowed and torch.is_autocast_enabled(where)) or len(_kinds(network)) > 1:
        yield
        return
    with torch.autocast(where, enabled=False):
        yield


def halved(network: nn.Module) -> bool:
    """Return whether all weights are bfloat16, so that autocast would only cast what comes in and goes out."""
    return _kinds(network) == {torch.bfloat16}


def _kinds(network: nn.Module) -> set[torch.dtype]:
    return {p.dtype for p in network.parameters()}

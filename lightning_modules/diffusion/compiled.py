"""Sampling with a compiled denoiser: the same network, as fewer and larger kernels of an accelerator.

Everything here is in force inside of `sampling` only, so what is trained, saved or adapted is the network as it is. No
image changes beyond rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.families.text_to_image import Tensors
from lightning_modules.fitting.devices import device
from lightning_modules.fitting.merged import merged
from lightning_modules.fitting.module import FitModule

#: Of torch.compile. Shapes are constant here, and trying kernels out costs minutes that a shard does not win back.
OPTIONS: dict[str, Any] = {"dynamic": False}
#: Versions of one network class that are kept: models of one class (SDXL and SSD-1B), numbers of rows, with guidance
#: and without. torch keeps 8, and runs what comes later as if nothing had been compiled.
VERSIONS = 64


def rows_for(n: int, batch_size: int) -> int:
    """Return the constant number of rows to draw n images with: a power of two below the batch size, at most that."""
    return min(batch_size, 1 << max(0, n - 1).bit_length())


@contextmanager
def sampling(modules: list[FitModule], n: int) -> Iterator[None]:
    """Draw n images with merged and compiled denoisers in here, where that is wanted; each is left as it was found.

    `modules` are the generator and any that it is steered by; the first one's batch size counts.
    """
    rows = rows_for(n, modules[0].batch_size)
    with ExitStack() as stack:
        for module in modules:
            stack.enter_context(merged(module))
            if module.compiles:
                stack.enter_context(_compiled(module, rows))
        yield


@contextmanager
def _compiled(module: FitModule, rows: int) -> Iterator[None]:
    network = module.family.network.to(device())  # before projections are copied, which takes long on a processor
    kept = torch._dynamo.config.patch(recompile_limit=VERSIONS)
    with fused(network, module.lora is None or module.merges), kept:
        network.compile(**OPTIONS)  # a second time finds what the first one made
        module.rows = rows
        try:
            yield
        finally:
            module.rows = 0
            network._compiled_call_impl = None


@contextmanager
def fused(network: nn.Module, allowed: bool = True) -> Iterator[None]:
    """Project to queries, keys and values in one product in here, where diffusers can do so with this network.

    Its weights are copied, and the copies are gone afterwards. One with adapters on its projections is not `allowed`.
    """
    processors = dict(getattr(network, "attn_processors", {}))
    possible = hasattr(network, "fuse_qkv_projections") and processors
    # Those with added keys cannot be fused; Stable Diffusion 3's, fused, leave out the norms of queries and keys.
    unfit = any("Added" in type(p).__name__ or type(p).__name__.startswith("Joint") for p in processors.values())
    if not allowed or not possible or unfit:
        yield
        return
    before = {name: set(module._modules) for name, module in network.named_modules()}
    network.fuse_qkv_projections()
    try:
        yield
    finally:
        network.set_attn_processor(processors)
        for name, module in list(network.named_modules()):
            for added in set(module._modules) - before.get(name, set(module._modules)):
                delattr(module, added)
            if getattr(module, "fused_projections", False):
                module.fused_projections = False


def filled(rows: int, latents: Tensor, *conditions: Tensors) -> tuple[Any, ...]:
    """Repeat the last row of everything up to so many rows: another number of rows would be compiled anew."""

    def more(value: Tensor) -> Tensor:
        return torch.cat([value, value[-1:].expand(rows - len(value), *value.shape[1:])])

    if len(latents) >= rows:
        return latents, *conditions
    return more(latents), *({name: more(value) for name, value in each.items()} for each in conditions)

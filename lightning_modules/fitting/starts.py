"""What a new adapter starts from."""

from __future__ import annotations

import torch
from peft.tuners.lora import LoraLayer
from torch import nn

from lightning_modules.fitting import adapters
from lightning_modules.fitting.module import FitModule
from lightning_modules.seeds import derive
from lightning_modules.settings import FitSettings


def prepare(module: FitModule, settings: FitSettings, seed: int) -> None:
    """Make ready what a fit trains, as `adapters.prepare`, with a new adapter's first factor as the settings say."""
    new = settings.lora is not None and module.lora is None
    adapters.prepare(module, settings, seed)
    if new and settings.lora_start == "gaussian":
        gaussian(module, seed)


def gaussian(module: FitModule, seed: int) -> None:
    """Draw the first factors from a normal distribution of standard deviation 1 / rank, as peft does if asked to.

    On the CPU in float32, whatever the network is: the same numbers on every machine.
    """
    part = module.trained_part()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(derive(seed, "lora"))
        for _, layer in sorted(part.named_modules()):
            if isinstance(layer, LoraLayer):
                factor = layer.lora_A[adapters.NAME].weight
                drawn = nn.init.normal_(torch.empty(factor.shape), std=1 / layer.r[adapters.NAME])
                factor.data = drawn.to(factor.device)
    part.peft_config[adapters.NAME].init_lora_weights = "gaussian"

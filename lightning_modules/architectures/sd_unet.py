"""A generator in the manner of Stable Diffusion 2.1 (2112.10752, 2202.00512): one text encoder, velocities."""

from __future__ import annotations

from lightning_modules.architectures import flow_unet
from lightning_modules.architectures.parts import Given, diffusion_scheduler
from lightning_modules.diffusion.generator import GeneratorModule


def build(
    given: Given, channels: tuple[int, ...] = (40, 64), text_width: int = 64, text_layers: int = 2
) -> GeneratorModule:
    """Build it: the flow-matching generator's parts under another objective."""
    module = flow_unet.build(given, channels, text_width, text_layers)
    module.parts["scheduler"] = diffusion_scheduler("v_prediction")
    return module

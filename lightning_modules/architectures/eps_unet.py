"""A generator in the manner of Stable Diffusion 1.5 (2112.10752): one text encoder, predicts the noise (2006.11239)."""

from __future__ import annotations

from diffusers import DPMSolverMultistepScheduler

from lightning_modules.architectures import flow_unet
from lightning_modules.architectures.parts import Given, diffusion_scheduler
from lightning_modules.diffusion.generator import GeneratorModule

#: Log signal to noise ratio below which no sample starts: a network that predicts noise knows nothing of images there.
LEAST = -2.8


def build(
    given: Given, channels: tuple[int, ...] = (48, 80), text_width: int = 64, text_layers: int = 2
) -> GeneratorModule:
    """Build it: the flow-matching generator's parts under another objective, sampled by DPM-Solver++ (2211.01095)."""
    module = flow_unet.build(given, channels, text_width, text_layers)
    process = diffusion_scheduler("epsilon").config
    module.parts["scheduler"] = DPMSolverMultistepScheduler.from_config(process, lambda_min_clipped=LEAST)
    return module

"""A second generator: Stable Diffusion (2112.10752) in small, with a flow-matching objective (2210.02747)."""

from __future__ import annotations

from diffusers import FlowMatchEulerDiscreteScheduler

from lightning_modules.architectures.parts import Given, clip_text, generator, unet
from lightning_modules.diffusion.generator import GeneratorModule


def build(
    given: Given, channels: tuple[int, ...] = (40, 64), text_width: int = 80, text_layers: int = 2, shift: float = 1.0
) -> GeneratorModule:
    """Build it: narrower than the anchor, one text encoder, text attends at the lowest resolution.

    `shift` above 1 spends more of the sampling steps on high noise, where places are decided (2403.03206, 5.3.2).
    """
    vae = given.autoencoder()
    parts = {
        "unet": unet(given, vae, channels, text_width),
        "vae": vae,
        "scheduler": FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=shift),
        "tokenizer": given.tokenizer(),
        "text_encoder": clip_text(given, text_width, text_layers),
        "safety_checker": None,
        "feature_extractor": None,
    }
    return generator("StableDiffusionPipeline", parts, {"requires_safety_checker": False})

"""A second generator: Stable Diffusion (2112.10752) in small, with a flow-matching objective (2210.02747)."""

from __future__ import annotations

from pathlib import Path

from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel

from lightning_modules.architectures.parts import MAX_LENGTH, clip_text
from lightning_modules.diffusion.autoencoder import AutoencoderModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.inputs.tokens import word_tokenizer


def build(
    vocabulary: tuple[str, ...],
    image_size: int,
    siblings: Path,
    channels: tuple[int, ...] = (40, 64),
    text_width: int = 80,
    text_layers: int = 2,
    shift: float = 1.0,
) -> GeneratorModule:
    """Build it: narrower than the anchor, one text encoder, text attends at the lowest resolution.

    `shift` above 1 spends more of the sampling steps on high noise, where places are decided (2403.03206, 5.3.2).
    """
    vae = AutoencoderModule.load(siblings / "decoder").vae
    unet = UNet2DConditionModel(
        sample_size=image_size // 4,
        in_channels=vae.config.latent_channels,
        out_channels=vae.config.latent_channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=tuple(channels),
        layers_per_block=1,
        transformer_layers_per_block=1,
        attention_head_dim=4,
        cross_attention_dim=text_width,
        norm_num_groups=8,
    )
    parts = {
        "unet": unet,
        "vae": vae,
        "scheduler": FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=shift),
        "tokenizer": word_tokenizer(vocabulary, MAX_LENGTH),
        "text_encoder": clip_text(vocabulary, text_width, text_layers),
        "safety_checker": None,
        "feature_extractor": None,
    }
    module = GeneratorModule("StableDiffusionPipeline", parts, {"requires_safety_checker": False})
    module.train_text()
    return module

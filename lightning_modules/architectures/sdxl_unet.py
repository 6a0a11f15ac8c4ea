"""The anchor generator: Stable Diffusion XL (2307.01952) in small, predicting velocities (2202.00512)."""

from __future__ import annotations

from pathlib import Path

from diffusers import UNet2DConditionModel

from lightning_modules.architectures.parts import MAX_LENGTH, clip_text, diffusion_scheduler
from lightning_modules.diffusion.autoencoder import AutoencoderModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.inputs.tokens import word_tokenizer


def build(
    vocabulary: tuple[str, ...],
    image_size: int,
    siblings: Path,
    channels: tuple[int, ...] = (48, 96),
    text_width: int = 64,
    text_layers: int = 3,
) -> GeneratorModule:
    """Build it: text attends at the lowest resolution only, where it is cheap."""
    vae = AutoencoderModule.load(siblings / "decoder").vae
    pooled, sizes = text_width, 8
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
        cross_attention_dim=2 * text_width,
        use_linear_projection=True,
        norm_num_groups=8,
        addition_embed_type="text_time",
        addition_time_embed_dim=sizes,
        projection_class_embeddings_input_dim=pooled + 6 * sizes,
    )
    tokenizer = word_tokenizer(vocabulary, MAX_LENGTH)
    parts = {
        "unet": unet,
        "vae": vae,
        "scheduler": diffusion_scheduler("v_prediction"),
        "tokenizer": tokenizer,
        "tokenizer_2": tokenizer,
        "text_encoder": clip_text(vocabulary, text_width, text_layers),
        "text_encoder_2": clip_text(vocabulary, text_width, text_layers, pooled),
    }
    module = GeneratorModule("StableDiffusionXLPipeline", parts, {"force_zeros_for_empty_prompt": False})
    module.train_text()
    return module

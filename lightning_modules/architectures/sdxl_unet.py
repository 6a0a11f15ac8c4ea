"""The anchor generator: Stable Diffusion XL (2307.01952) in small, predicting velocities (2202.00512)."""

from __future__ import annotations

from lightning_modules.architectures.parts import Given, clip_text, diffusion_scheduler, generator, unet
from lightning_modules.diffusion.generator import GeneratorModule


def build(
    given: Given, channels: tuple[int, ...] = (48, 96), text_width: int = 64, text_layers: int = 3
) -> GeneratorModule:
    """Build it: text attends at the lowest resolution only, where it is cheap."""
    vae, pooled, sizes = given.autoencoder(), text_width, 8
    added = {"addition_time_embed_dim": sizes, "projection_class_embeddings_input_dim": pooled + 6 * sizes}
    kinds = {"addition_embed_type": "text_time", "use_linear_projection": True}
    tokenizer = given.tokenizer()
    parts = {
        "unet": unet(given, vae, channels, 2 * text_width, **kinds, **added),
        "vae": vae,
        "scheduler": diffusion_scheduler("v_prediction"),
        "tokenizer": tokenizer,
        "tokenizer_2": tokenizer,
        "text_encoder": clip_text(given, text_width, text_layers),
        "text_encoder_2": clip_text(given, text_width, text_layers, pooled),
    }
    return generator("StableDiffusionXLPipeline", parts, {"force_zeros_for_empty_prompt": False})

"""A third generator: a diffusion transformer in the manner of PixArt (2310.00426), predicting velocities."""

from __future__ import annotations

from diffusers import PixArtTransformer2DModel
from transformers import T5Config, T5EncoderModel

from lightning_modules.architectures.parts import Given, diffusion_scheduler, generator
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.inputs.tokens import END, PAD, START


def build(
    given: Given, width: int = 96, layers: int = 6, text_width: int = 64, text_layers: int = 2
) -> GeneratorModule:
    """Build it: one token per latent position, so that shapes need not fit a grid of patches."""
    vae, heads = given.autoencoder(), max(1, width // 24)
    shape = {"num_layers": layers, "num_attention_heads": heads, "attention_head_dim": width // heads}
    reads = {"cross_attention_dim": width, "caption_channels": text_width, "use_additional_conditions": False}
    transformer = PixArtTransformer2DModel(
        **given.latents(vae), patch_size=1, **shape, **reads, norm_type="ada_norm_single"
    )
    sizes = {"d_model": text_width, "d_kv": 16, "d_ff": 4 * text_width, "dropout_rate": 0.0}
    depth = {"num_layers": text_layers, "num_heads": max(1, text_width // 16)}
    tokens = {"vocab_size": given.tokens, "pad_token_id": PAD, "eos_token_id": END, "decoder_start_token_id": START}
    text = T5Config(**sizes, **depth, **tokens)
    parts = {"transformer": transformer, "vae": vae, "scheduler": diffusion_scheduler("v_prediction")}
    return generator(
        "PixArtAlphaPipeline", {**parts, "tokenizer": given.tokenizer(), "text_encoder": T5EncoderModel(text)}
    )

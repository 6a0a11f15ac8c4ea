"""A third generator: a diffusion transformer in the manner of PixArt (2310.00426), predicting velocities."""

from __future__ import annotations

from pathlib import Path

from diffusers import PixArtTransformer2DModel
from transformers import T5Config, T5EncoderModel

from lightning_modules.architectures.parts import MAX_LENGTH, diffusion_scheduler
from lightning_modules.diffusion.autoencoder import AutoencoderModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.inputs.tokens import END, PAD, START, word_tokenizer


def build(
    vocabulary: tuple[str, ...],
    image_size: int,
    siblings: Path,
    width: int = 96,
    layers: int = 6,
    text_width: int = 64,
    text_layers: int = 2,
) -> GeneratorModule:
    """Build it: one token per latent position, so that shapes need not fit a grid of patches."""
    vae = AutoencoderModule.load(siblings / "decoder").vae
    heads = max(1, width // 24)
    transformer = PixArtTransformer2DModel(
        sample_size=image_size // 4,
        in_channels=vae.config.latent_channels,
        out_channels=vae.config.latent_channels,
        patch_size=1,
        num_layers=layers,
        num_attention_heads=heads,
        attention_head_dim=width // heads,
        cross_attention_dim=width,
        caption_channels=text_width,
        use_additional_conditions=False,
        norm_type="ada_norm_single",
    )
    text = T5Config(
        vocab_size=len(vocabulary) + 4,
        d_model=text_width,
        d_kv=16,
        d_ff=4 * text_width,
        num_layers=text_layers,
        num_heads=max(1, text_width // 16),
        dropout_rate=0.0,
        pad_token_id=PAD,
        eos_token_id=END,
        decoder_start_token_id=START,
    )
    parts = {
        "transformer": transformer,
        "vae": vae,
        "scheduler": diffusion_scheduler("v_prediction"),
        "tokenizer": word_tokenizer(vocabulary, MAX_LENGTH),
        "text_encoder": T5EncoderModel(text),
    }
    module = GeneratorModule("PixArtAlphaPipeline", parts)
    module.train_text()
    return module

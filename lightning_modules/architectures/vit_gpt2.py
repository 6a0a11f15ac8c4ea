"""A captioner of an image encoder and a text decoder: ViT (2010.11929) and GPT-2 in small."""

from __future__ import annotations

from pathlib import Path

from transformers import GPT2Config, VisionEncoderDecoderConfig, VisionEncoderDecoderModel, ViTConfig

from lightning_modules.architectures.parts import INIT, MAX_LENGTH, TOKEN_IDS, UNDROPPED, captioner, spread_positions
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.inputs.tokens import END, PAD, START


def build(
    vocabulary: tuple[str, ...],
    image_size: int,
    siblings: Path,
    width: int = 96,
    vision_layers: int = 3,
    text_layers: int = 2,
    patch: int = 4,
) -> CaptionerModule:
    """Build it: the decoder looks at the encoder's patches in every layer."""
    heads = max(1, width // 24)
    vision = ViTConfig(
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=vision_layers,
        num_attention_heads=heads,
        image_size=image_size,
        patch_size=patch,
        **UNDROPPED,
        initializer_range=INIT,
    )
    text = GPT2Config(
        vocab_size=len(vocabulary) + 4,
        n_embd=width,
        n_layer=text_layers,
        n_head=heads,
        n_inner=3 * width,
        n_positions=2 * MAX_LENGTH,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        initializer_range=INIT,
        **TOKEN_IDS,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(vision, text)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = START, PAD, END
    model = VisionEncoderDecoderModel(config)
    spread_positions(model.encoder)
    settings = model.generation_config
    settings.decoder_start_token_id, settings.pad_token_id, settings.eos_token_id = START, PAD, END
    return captioner(model, vocabulary, image_size)

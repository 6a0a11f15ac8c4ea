"""A captioner of an image encoder and a text decoder: ViT (2010.11929) and GPT-2 in small."""

from __future__ import annotations

from transformers import GPT2Config, VisionEncoderDecoderConfig, VisionEncoderDecoderModel, ViTConfig

from lightning_modules.architectures.parts import (
    INIT,
    TOKEN_IDS,
    UNDROPPED,
    Given,
    captioner,
    layers,
    spread_positions,
)
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.inputs.tokens import END, PAD, START


def build(
    given: Given, width: int = 96, vision_layers: int = 3, text_layers: int = 2, patch: int = 4
) -> CaptionerModule:
    """Build it: the decoder looks at the encoder's patches in every layer."""
    vision = ViTConfig(**layers(width, vision_layers), **given.pixels(patch), **UNDROPPED, initializer_range=INIT)
    sizes = {"n_embd": width, "n_layer": text_layers, "n_head": max(1, width // 24), "n_inner": 3 * width}
    dropped = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    words = {"vocab_size": given.tokens, "n_positions": 2 * given.length, **TOKEN_IDS}
    text = GPT2Config(**sizes, **words, **dropped, initializer_range=INIT)
    model = VisionEncoderDecoderModel(VisionEncoderDecoderConfig.from_encoder_decoder_configs(vision, text))
    spread_positions(model.encoder)
    for settings in (model.config, model.generation_config):
        settings.decoder_start_token_id, settings.pad_token_id, settings.eos_token_id = START, PAD, END
    return captioner(model, given)

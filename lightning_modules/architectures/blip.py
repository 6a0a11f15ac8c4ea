"""A fourth captioner: BLIP (2201.12086) in small: ViT, and a BERT-like decoder that attends to it."""

from __future__ import annotations

from pathlib import Path

from transformers import BlipConfig, BlipForConditionalGeneration

from lightning_modules.architectures.parts import INIT, MAX_LENGTH, TOKEN_IDS, UNDROPPED, captioner, spread_positions
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.inputs.tokens import END


def build(
    vocabulary: tuple[str, ...],
    image_size: int,
    siblings: Path,
    width: int = 96,
    vision_layers: int = 3,
    text_layers: int = 2,
    patch: int = 4,
) -> CaptionerModule:
    """Build it; both networks are `width` wide."""
    shared = {
        "hidden_size": width,
        "intermediate_size": 3 * width,
        "num_attention_heads": max(1, width // 24),
        "projection_dim": width,
        "initializer_range": INIT,
    }
    text = {
        **shared,
        "num_hidden_layers": text_layers,
        "encoder_hidden_size": width,
        "vocab_size": len(vocabulary) + 4,
        "max_position_embeddings": 2 * MAX_LENGTH,
        "is_decoder": True,
        **UNDROPPED,
        **TOKEN_IDS,
        "sep_token_id": END,
    }
    vision = {**shared, "num_hidden_layers": vision_layers, "image_size": image_size, "patch_size": patch}
    config = BlipConfig(vision_config=vision, text_config=text, projection_dim=width, initializer_range=INIT)
    model = BlipForConditionalGeneration(config)
    spread_positions(model.vision_model)
    model.generation_config.update(**TOKEN_IDS)
    return captioner(model, vocabulary, image_size)

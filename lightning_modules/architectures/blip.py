"""A fourth captioner: BLIP (2201.12086) in small: ViT, and a BERT-like decoder that attends to it."""

from __future__ import annotations

from pathlib import Path

from transformers import BlipConfig, BlipForConditionalGeneration

from lightning_modules.architectures.parts import INIT, MAX_LENGTH, image_processor, spread_positions
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.inputs.tokens import END, PAD, START, word_tokenizer


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
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "bos_token_id": START,
        "sep_token_id": END,
        "eos_token_id": END,
        "pad_token_id": PAD,
    }
    vision = {**shared, "num_hidden_layers": vision_layers, "image_size": image_size, "patch_size": patch}
    config = BlipConfig(vision_config=vision, text_config=text, projection_dim=width, initializer_range=INIT)
    model = BlipForConditionalGeneration(config)
    spread_positions(model.vision_model)
    settings = model.generation_config
    settings.pad_token_id, settings.bos_token_id, settings.eos_token_id = PAD, START, END
    module = CaptionerModule(model, word_tokenizer(vocabulary, MAX_LENGTH), image_processor(image_size))
    module.train_all()
    return module

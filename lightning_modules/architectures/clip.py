"""The judge: a tiny CLIP (2103.00020)."""

from __future__ import annotations

from pathlib import Path

from transformers import CLIPConfig, CLIPModel

from lightning_modules.architectures.parts import MAX_LENGTH, TOKEN_IDS, image_processor
from lightning_modules.inputs.tokens import word_tokenizer
from lightning_modules.judges.clip import ClipJudge


def build(
    vocabulary: tuple[str, ...],
    image_size: int,
    siblings: Path,
    width: int = 64,
    layers: int = 3,
    patch: int = 4,
    projection: int = 64,
) -> ClipJudge:
    """Build it: two transformers of `layers` layers and `width` channels."""
    shared = {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": max(1, width // 16),
    }
    text = {**shared, "vocab_size": len(vocabulary) + 4, "max_position_embeddings": MAX_LENGTH, **TOKEN_IDS}
    vision = {**shared, "image_size": image_size, "patch_size": patch}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=projection))
    return ClipJudge(model, word_tokenizer(vocabulary, MAX_LENGTH), image_processor(image_size))

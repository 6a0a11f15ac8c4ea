"""The judge: a tiny CLIP (2103.00020)."""

from __future__ import annotations

from transformers import CLIPConfig, CLIPModel

from lightning_modules.architectures.parts import TOKEN_IDS, Given, clip_layers
from lightning_modules.judges.clip import ClipJudge


def build(given: Given, width: int = 64, layers: int = 3, patch: int = 4, projection: int = 64) -> ClipJudge:
    """Build it: two transformers of `layers` layers and `width` channels."""
    shared = clip_layers(width, layers)
    text = {**shared, **given.words(), **TOKEN_IDS, "max_position_embeddings": given.length}
    vision = {**shared, **given.pixels(patch)}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=projection))
    return ClipJudge(model, given.tokenizer(), given.processor())

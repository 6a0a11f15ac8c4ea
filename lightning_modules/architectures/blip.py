"""A fourth captioner: BLIP (2201.12086) in small: ViT, and a BERT-like decoder that attends to it."""

from __future__ import annotations

from transformers import BlipConfig, BlipForConditionalGeneration

from lightning_modules.architectures.parts import INIT, TOKEN_IDS, UNDROPPED, Given, captioner, layers, spread_positions
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.inputs.tokens import END


def build(
    given: Given, width: int = 96, vision_layers: int = 3, text_layers: int = 2, patch: int = 4
) -> CaptionerModule:
    """Build it; both networks are `width` wide."""
    shared = {"projection_dim": width, "initializer_range": INIT}
    words = {**given.words(), **TOKEN_IDS, "sep_token_id": END}
    reads = {"encoder_hidden_size": width, "is_decoder": True, **UNDROPPED}
    config = BlipConfig(
        vision_config={**shared, **layers(width, vision_layers), **given.pixels(patch)},
        text_config={**shared, **layers(width, text_layers), **words, **reads},
        **shared,
    )
    model = BlipForConditionalGeneration(config)
    spread_positions(model.vision_model)
    model.generation_config.update(**TOKEN_IDS)
    return captioner(model, given)

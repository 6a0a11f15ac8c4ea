"""The anchor captioner: BLIP-2 (2301.12597) in small: ViT, querying transformer, OPT."""

from __future__ import annotations

from torch import nn
from transformers import Blip2Config, Blip2ForConditionalGeneration

from lightning_modules.architectures.parts import INIT, TOKEN_IDS, UNDROPPED, Given, captioner, layers, spread_positions
from lightning_modules.captioning.captioner import CaptionerModule


def build(
    given: Given,
    width: int = 96,
    vision_layers: int = 3,
    query_layers: int = 2,
    text_layers: int = 2,
    queries: int = 8,
    patch: int = 4,
) -> CaptionerModule:
    """Build it; all three networks are `width` wide."""
    deviation = width**-0.5  # see INIT: 0.02 is far too little
    # The default of 1e-10 is meant for pretrained weights: from scratch, images would hardly matter.
    vision = {**layers(width, vision_layers), **given.pixels(patch), "initializer_range": INIT}
    qformer = {
        **layers(width, query_layers),
        **UNDROPPED,
        "encoder_hidden_size": width,
        "vocab_size": 8,
        "cross_attention_frequency": 1,
        "max_position_embeddings": 8,
        "initializer_range": deviation,
    }
    text = {
        **layers(width, text_layers, inner="ffn_dim"),
        **given.words(queries),
        **TOKEN_IDS,
        "model_type": "opt",
        "word_embed_proj_dim": width,
        "dropout": 0.0,
        "init_std": deviation,
    }
    parts = {"vision_config": vision, "qformer_config": qformer, "text_config": text}
    model = Blip2ForConditionalGeneration(Blip2Config(**parts, num_query_tokens=queries, initializer_range=deviation))
    spread_positions(model.vision_model)
    nn.init.normal_(model.query_tokens, std=1.0)  # zero by default: all queries would ask the same
    for settings in (model.generation_config, model.language_model.generation_config):
        settings.update(**TOKEN_IDS)
    return captioner(model, given)

"""The anchor captioner: BLIP-2 (2301.12597) in small: ViT, querying transformer, OPT."""

from __future__ import annotations

from pathlib import Path

from torch import nn
from transformers import Blip2Config, Blip2ForConditionalGeneration

from lightning_modules.architectures.parts import INIT, MAX_LENGTH, TOKEN_IDS, UNDROPPED, captioner, spread_positions
from lightning_modules.captioning.captioner import CaptionerModule


def build(
    vocabulary: tuple[str, ...],
    image_size: int,
    siblings: Path,
    width: int = 96,
    vision_layers: int = 3,
    query_layers: int = 2,
    text_layers: int = 2,
    queries: int = 8,
    patch: int = 4,
) -> CaptionerModule:
    """Build it; all three networks are `width` wide."""
    heads = max(1, width // 24)
    deviation = width**-0.5  # see INIT: 0.02 is far too little
    shared = {"hidden_size": width, "num_attention_heads": heads}
    vision = {
        **shared,
        "intermediate_size": 3 * width,
        "num_hidden_layers": vision_layers,
        "image_size": image_size,
        "patch_size": patch,
        # The default of 1e-10 is meant for pretrained weights: from scratch, images would hardly matter.
        "initializer_range": INIT,
    }
    qformer = {
        **shared,
        "intermediate_size": 3 * width,
        "num_hidden_layers": query_layers,
        "encoder_hidden_size": width,
        "vocab_size": 8,
        "cross_attention_frequency": 1,
        "max_position_embeddings": 8,
        **UNDROPPED,
        "initializer_range": deviation,
    }
    text = {
        **shared,
        "model_type": "opt",
        "ffn_dim": 3 * width,
        "num_hidden_layers": text_layers,
        "word_embed_proj_dim": width,
        "dropout": 0.0,
        "init_std": deviation,
        "vocab_size": len(vocabulary) + 4,
        "max_position_embeddings": 2 * MAX_LENGTH + queries,
        **TOKEN_IDS,
    }
    config = Blip2Config(
        vision_config=vision,
        qformer_config=qformer,
        text_config=text,
        num_query_tokens=queries,
        initializer_range=deviation,
    )
    model = Blip2ForConditionalGeneration(config)
    spread_positions(model.vision_model)
    nn.init.normal_(model.query_tokens, std=1.0)  # zero by default: all queries would ask the same
    for settings in (model.generation_config, model.language_model.generation_config):
        settings.update(**TOKEN_IDS)
    return captioner(model, vocabulary, image_size)

"""A captioner of one causal transformer over patches and words: GIT (2205.14100) in small."""

from __future__ import annotations

from pathlib import Path

from transformers import GitConfig, GitForCausalLM

from lightning_modules.architectures.parts import INIT, MAX_LENGTH, TOKEN_IDS, UNDROPPED, captioner, spread_positions
from lightning_modules.captioning.captioner import CaptionerModule


def build(
    vocabulary: tuple[str, ...],
    image_size: int,
    siblings: Path,
    width: int = 96,
    vision_layers: int = 2,
    text_layers: int = 3,
    patch: int = 4,
) -> CaptionerModule:
    """Build it: a short image encoder, then patches and words together."""
    heads = max(1, width // 24)
    vision = {
        "hidden_size": width,
        "intermediate_size": 3 * width,
        "num_hidden_layers": vision_layers,
        "num_attention_heads": heads,
        "image_size": image_size,
        "patch_size": patch,
        "initializer_range": INIT,
    }
    config = GitConfig(
        vision_config=vision,
        vocab_size=len(vocabulary) + 4,
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=text_layers,
        num_attention_heads=heads,
        max_position_embeddings=2 * MAX_LENGTH,
        **UNDROPPED,
        initializer_range=INIT,
        **TOKEN_IDS,
    )
    model = GitForCausalLM(config)
    spread_positions(model.git.image_encoder)
    return captioner(model, vocabulary, image_size)

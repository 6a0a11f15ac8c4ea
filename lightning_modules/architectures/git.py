"""A captioner of one causal transformer over patches and words: GIT (2205.14100) in small."""

from __future__ import annotations

from transformers import GitConfig, GitForCausalLM

from lightning_modules.architectures.parts import INIT, TOKEN_IDS, UNDROPPED, Given, captioner, layers, spread_positions
from lightning_modules.captioning.captioner import CaptionerModule


def build(
    given: Given, width: int = 96, vision_layers: int = 2, text_layers: int = 3, patch: int = 4
) -> CaptionerModule:
    """Build it: a short image encoder, then patches and words together."""
    vision = {**layers(width, vision_layers), **given.pixels(patch), "initializer_range": INIT}
    text = {**layers(width, text_layers), **given.words(), **UNDROPPED, **TOKEN_IDS, "initializer_range": INIT}
    model = GitForCausalLM(GitConfig(vision_config=vision, **text))
    spread_positions(model.git.image_encoder)
    return captioner(model, given)

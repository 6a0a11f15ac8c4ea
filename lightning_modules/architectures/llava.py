"""A fifth captioner: LLaVA (2310.03744) in small: CLIP patches stand as words in front of a Llama."""

from __future__ import annotations

from dataclasses import replace

from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from lightning_modules.architectures.parts import INIT, TOKEN_IDS, Given, captioner, layers, spread_positions
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.inputs.tokens import SPECIAL

#: The image, and one token behind it that every caption begins after.
IMAGE, PROMPT = "<image>", "<image> :"


def build(
    given: Given, width: int = 96, vision_layers: int = 3, text_layers: int = 2, patch: int = 4
) -> CaptionerModule:
    """Build it; both networks are `width` wide, and there is no instruction."""
    more = [word for word in (IMAGE, ":") if word not in given.vocabulary]  # pieces of words hold every letter
    given = replace(given, vocabulary=(*given.vocabulary, *more), placeholders=(IMAGE,))
    sizes = layers(width, text_layers)
    text = {**sizes, **given.words((given.image_size // patch) ** 2), **TOKEN_IDS, "initializer_range": INIT}
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**layers(width, vision_layers), **given.pixels(patch)),
        text_config=LlamaConfig(**text, num_key_value_heads=sizes["num_attention_heads"]),
        image_token_index=len(SPECIAL) + given.vocabulary.index(IMAGE),
        vision_feature_layer=-1,
        initializer_range=INIT,
    )
    model = LlavaForConditionalGeneration(config)
    spread_positions(model.model.vision_tower)
    model.generation_config.update(**TOKEN_IDS)
    return captioner(model, given, PROMPT)

"""A fifth captioner: LLaVA (2310.03744) in small: CLIP patches stand as words in front of a Llama."""

from __future__ import annotations

from pathlib import Path

from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from lightning_modules.architectures.parts import INIT, MAX_LENGTH, TOKEN_IDS, captioner, spread_positions
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.inputs.tokens import SPECIAL

#: The image, and one token behind it that every caption begins after.
IMAGE, PROMPT = "<image>", "<image> :"


def build(
    vocabulary: tuple[str, ...],
    image_size: int,
    siblings: Path,
    width: int = 96,
    vision_layers: int = 3,
    text_layers: int = 2,
    patch: int = 4,
) -> CaptionerModule:
    """Build it; both networks are `width` wide, and there is no instruction."""
    heads = max(1, width // 24)
    words = (*vocabulary, IMAGE, ":")
    vision = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=vision_layers,
        num_attention_heads=heads,
        image_size=image_size,
        patch_size=patch,
    )
    text = LlamaConfig(
        vocab_size=len(words) + 4,
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=text_layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=2 * MAX_LENGTH + (image_size // patch) ** 2,
        initializer_range=INIT,
        **TOKEN_IDS,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=len(SPECIAL) + words.index(IMAGE),
        vision_feature_layer=-1,
        initializer_range=INIT,
    )
    model = LlavaForConditionalGeneration(config)
    spread_positions(model.model.vision_tower)
    model.generation_config.update(**TOKEN_IDS)
    return captioner(model, words, image_size, PROMPT)

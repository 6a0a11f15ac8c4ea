"""The scorer: ConvNeXt (2201.03545) for images and BERT (1810.04805) for text, in small."""

from __future__ import annotations

from pathlib import Path

from transformers import BertConfig, ConvNextConfig, VisionTextDualEncoderConfig, VisionTextDualEncoderModel

from lightning_modules.architectures.parts import INIT, MAX_LENGTH, UNDROPPED, image_processor
from lightning_modules.inputs.tokens import PAD, word_tokenizer
from lightning_modules.judges.scorer import DualScorer


def build(
    vocabulary: tuple[str, ...],
    image_size: int,
    siblings: Path,
    channels: tuple[int, ...] = (32, 64, 96),
    depths: tuple[int, ...] = (1, 2, 1),
    text_width: int = 64,
    text_layers: int = 2,
    projection: int = 64,
) -> DualScorer:
    """Build it: `channels` per resolution, from 16x16 down."""
    vision = ConvNextConfig(
        num_stages=len(channels),
        hidden_sizes=list(channels),
        depths=list(depths),
        patch_size=2,
        image_size=image_size,
        hidden_size=channels[-1],  # the dual encoder asks for it by this name
        layer_scale_init_value=1.0,  # the default of 1e-6 is for deep networks and starts far too slowly here
    )
    text = BertConfig(
        vocab_size=len(vocabulary) + 4,
        hidden_size=text_width,
        intermediate_size=4 * text_width,
        num_hidden_layers=text_layers,
        num_attention_heads=max(1, text_width // 16),
        max_position_embeddings=MAX_LENGTH,
        pad_token_id=PAD,
        **UNDROPPED,
        initializer_range=INIT,
    )
    config = VisionTextDualEncoderConfig.from_vision_text_configs(vision, text, projection_dim=projection)
    return DualScorer(
        VisionTextDualEncoderModel(config), word_tokenizer(vocabulary, MAX_LENGTH), image_processor(image_size)
    )

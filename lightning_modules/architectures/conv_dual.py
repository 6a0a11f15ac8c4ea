"""The scorer: ConvNeXt (2201.03545) for images and BERT (1810.04805) for text, in small."""

from __future__ import annotations

from transformers import BertConfig, ConvNextConfig, VisionTextDualEncoderConfig, VisionTextDualEncoderModel

from lightning_modules.architectures.parts import INIT, UNDROPPED, Given, clip_layers
from lightning_modules.inputs.tokens import PAD
from lightning_modules.judges.scorer import DualScorer


def build(
    given: Given,
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
        image_size=given.image_size,
        hidden_size=channels[-1],  # the dual encoder asks for it by this name
        layer_scale_init_value=1.0,  # the default of 1e-6 is for deep networks and starts far too slowly here
    )
    words = {**given.words(), "max_position_embeddings": given.length, "pad_token_id": PAD}
    text = BertConfig(**clip_layers(text_width, text_layers), **words, **UNDROPPED, initializer_range=INIT)
    config = VisionTextDualEncoderConfig.from_vision_text_configs(vision, text, projection_dim=projection)
    return DualScorer(VisionTextDualEncoderModel(config), given.tokenizer(), given.processor())

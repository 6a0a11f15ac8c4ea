"""An image encoder and a text decoder joined by cross-attention, as in ViT + GPT-2 (2109.10282)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput

from lightning_modules.families.image_to_text import ImageToTextFamily


class Family(ImageToTextFamily):
    """Encoder and decoder are both trained."""

    def features(self, pixels: Tensor) -> Tensor:
        """Return the encoder's last layer (n, patches + 1, d)."""
        return self.model.encoder(pixel_values=pixels).last_hidden_state

    def logits(self, features: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Decode the words with the encoder's output beside them."""
        return self.model(
            encoder_outputs=(features,),
            decoder_input_ids=ids,
            decoder_attention_mask=mask,
            use_cache=False,
        ).logits

    def write(self, features: Tensor, **options: Any) -> Tensor:
        """Continue the start token."""
        start = torch.full((len(features), 1), self.start, device=features.device)
        output = BaseModelOutput(last_hidden_state=features)
        return self.model.generate(encoder_outputs=output, decoder_input_ids=start, **options)[:, 1:]

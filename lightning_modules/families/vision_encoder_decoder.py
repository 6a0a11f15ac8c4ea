"""An image encoder and a text decoder joined by cross-attention, as in ViT + GPT-2 (2109.10282)."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput

from lightning_modules.families.image_to_text import ImageToTextFamily


class Family(ImageToTextFamily):
    """Encoder and decoder are both trained."""

    sight: ClassVar[tuple[str, ...]] = ("encoder.",)
    lora_layers: ClassVar[str] = r"decoder\..*\.(c_attn|q_attn|q_proj|v_proj|query|value)"

    def features(self, pixels: Tensor) -> Tensor:
        """Return the encoder's last layer (n, patches + 1, d)."""
        return self.model.encoder(pixel_values=pixels).last_hidden_state

    def logits(self, features: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Decode the words with the encoder's output beside them."""
        length = ids.shape[1]
        ids, mask = self._behind_opening(ids, mask)
        return self.model(
            encoder_outputs=(features,), decoder_input_ids=ids, decoder_attention_mask=mask, use_cache=False
        ).logits[:, -length:]

    def write(self, features: Tensor, **options: Any) -> Tensor:
        """Continue the opening."""
        ids = self._openings(features)
        output = BaseModelOutput(last_hidden_state=features)
        return self.model.generate(encoder_outputs=output, decoder_input_ids=ids, **options)[:, ids.shape[1] :]

"""BLIP (2201.12086): an image encoder and a BERT-like decoder that attends to it."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from lightning_modules.families.image_to_text import ImageToTextFamily


class Family(ImageToTextFamily):
    """Encoder and decoder are both trained."""

    lora_layers: ClassVar[str] = r"text_decoder\..*\.(query|value)"

    @property
    def opening(self) -> list[int]:
        """Return the decoder's own start token, then the prompt's."""
        return [int(self.model.config.text_config.bos_token_id), *self._tokens(self.prompt)]

    @property
    def ends(self) -> list[int]:
        """Return the separator: its captions end with it, and never with the configured end token."""
        return [int(self.model.config.text_config.sep_token_id)]

    def logits(self, features: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Decode the words with the encoder's output beside them."""
        length = ids.shape[1]
        ids, mask = self._behind_opening(ids, mask)
        found = self.model.text_decoder(
            input_ids=ids, attention_mask=mask, encoder_hidden_states=features, use_cache=False
        )
        return found.logits[:, -length:]

    def write(self, features: Tensor, **options: Any) -> Tensor:
        """Continue the opening."""
        ids = self._openings(features)
        tokens = self.model.text_decoder.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            encoder_hidden_states=features,
            encoder_attention_mask=torch.ones(features.shape[:2], dtype=torch.long, device=features.device),
            **options,
        )
        return tokens[:, ids.shape[1] :]

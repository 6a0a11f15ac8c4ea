"""BLIP-2 (2301.12597): a frozen image encoder, a querying transformer, a language model."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lightning_modules.families.image_to_text import ImageToTextFamily


class Family(ImageToTextFamily):
    """The image encoder stays frozen, as published, so its features can be kept through a fit."""

    frozen: ClassVar[tuple[str, ...]] = ("vision_model.",)
    features_are_frozen: ClassVar[bool] = True
    lora_targets: ClassVar[tuple[str, ...]] = ("q_proj", "v_proj")

    def __init__(self, model: PreTrainedModel) -> None:
        """Look at one model.

        Raises:
            ValueError: its language model is an encoder-decoder.
        """
        super().__init__(model)
        if not model.config.use_decoder_only_language_model:
            raise ValueError("only BLIP-2 models with a decoder-only language model (OPT) are supported")

    @property
    def start(self) -> int:
        """Return the start token of the language model."""
        return int(self.model.config.text_config.bos_token_id)

    def features(self, pixels: Tensor) -> Tensor:
        """Return the image encoder's last layer (n, patches + 1, d)."""
        return self.model.vision_model(pixel_values=pixels).last_hidden_state

    def logits(self, features: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Put the queries' answers in front of the caption."""
        prefix, words = self._prefix(features), self.model.get_input_embeddings()(ids)
        seen = torch.cat([mask.new_ones(prefix.shape[:2]), mask], 1)
        embeddings = torch.cat([prefix, words.to(prefix.dtype)], 1)
        return self.model.language_model(inputs_embeds=embeddings, attention_mask=seen, use_cache=False).logits[
            :, prefix.shape[1] :
        ]

    def write(self, features: Tensor, **options: Any) -> Tensor:
        """Continue the queries' answers and the start token."""
        prefix = self._prefix(features)
        start = torch.full((len(prefix), 1), self.start, device=prefix.device)
        embeddings = torch.cat([prefix, self.model.get_input_embeddings()(start).to(prefix.dtype)], 1)
        mask = torch.ones(embeddings.shape[:2], dtype=torch.long, device=prefix.device)
        return self.model.language_model.generate(inputs_embeds=embeddings, attention_mask=mask, **options)

    def _prefix(self, features: Tensor) -> Tensor:
        queries = self.model.query_tokens.expand(len(features), -1, -1)
        answers = self.model.qformer(query_embeds=queries, encoder_hidden_states=features).last_hidden_state
        return self.model.language_projection(answers.to(features.dtype))

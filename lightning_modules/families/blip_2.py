"""BLIP-2 (2301.12597): a frozen image encoder, a querying transformer, a language model."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from lightning_modules.families.image_to_text import ImageToTextFamily


class Family(ImageToTextFamily):
    """The image encoder stays frozen, as published, so its features can be kept through a fit.

    A language model that only decodes (OPT) continues queries, start token and prompt; one with an encoder (Flan-T5)
    reads queries and prompt there, and its decoder starts anew.
    """

    frozen: ClassVar[tuple[str, ...]] = ("vision_model.",)
    features_are_frozen: ClassVar[bool] = True
    lora_layers: ClassVar[str] = r"language_model\..*\.(q_proj|v_proj|q|v)"

    @property
    def _has_encoder(self) -> bool:
        return not self.model.config.use_decoder_only_language_model

    @property
    def _sources(self) -> tuple[Any, ...]:
        # transformers generates with the language model's own settings, whatever the outer ones say.
        return self.model.language_model.generation_config, self.model.config.text_config, *super()._sources

    @property
    def opening(self) -> list[int]:
        """Return the start token and, where no encoder reads it, the prompt."""
        if self._has_encoder:
            return [self._special("decoder_start_token_id", "pad_token_id")]
        return [int(self.model.config.text_config.bos_token_id), *self._tokens(self.prompt)]

    @property
    def room(self) -> int | None:
        """Return how many words have a position behind queries and opening."""
        found = super().room
        return None if found is None or self._has_encoder else found - self.model.config.num_query_tokens

    @property
    def said(self) -> str:
        """Return the prompt, or nothing where only the encoder reads it."""
        return "" if self._has_encoder else self.prompt

    def logits(self, features: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Put the queries' answers in front of the caption, or into the encoder."""
        length, prefix = ids.shape[1], self._prefix(features)
        if self._has_encoder:
            embeddings, seen = self._read(prefix)
            return self.model.language_model(
                inputs_embeds=embeddings,
                attention_mask=seen,
                decoder_input_ids=ids,
                decoder_attention_mask=mask,
                use_cache=False,
            ).logits
        embeddings, seen = self._join(prefix, *self._behind_opening(ids, mask))
        return self.model.language_model(inputs_embeds=embeddings, attention_mask=seen, use_cache=False).logits[
            :, -length:
        ]

    def write(self, features: Tensor, **options: Any) -> Tensor:
        """Continue the queries' answers and the opening."""
        prefix, ids = self._prefix(features), self._openings(features)
        if self._has_encoder:
            embeddings, seen = self._read(prefix)
            tokens = self.model.language_model.generate(
                inputs_embeds=embeddings, attention_mask=seen, decoder_input_ids=ids, **options
            )
            return tokens[:, ids.shape[1] :]
        embeddings, seen = self._join(prefix, ids, torch.ones_like(ids))
        return self.model.language_model.generate(inputs_embeds=embeddings, attention_mask=seen, **options)

    def _prefix(self, features: Tensor) -> Tensor:
        """Return the queries' answers (n, queries, d) in the language model's space."""
        queries = self.model.query_tokens.expand(len(features), -1, -1)
        # In half precision the querying transformer alone may have stayed in float32.
        answers = self.model.qformer(
            query_embeds=queries, encoder_hidden_states=features.to(queries.dtype)
        ).last_hidden_state
        return self.model.language_projection(answers.to(self.model.language_projection.weight.dtype))

    def _join(self, prefix: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        words = self.model.get_input_embeddings()(ids)
        seen = torch.cat([mask.new_ones(prefix.shape[:2]), mask], 1)
        return torch.cat([prefix, words.to(prefix.dtype)], 1), seen

    def _read(self, prefix: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the encoder reads: the answers, then the prompt as its tokenizer closes it."""
        text = self.tokenizer(self.prompt)["input_ids"] if self.prompt else [self.model.config.text_config.bos_token_id]
        ids = torch.tensor(text, device=prefix.device).repeat(len(prefix), 1)
        return self._join(prefix, ids, torch.ones_like(ids))

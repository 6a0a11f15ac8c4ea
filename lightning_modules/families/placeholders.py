"""What chat-like families share: the image stands in the middle of a prompt, in place of placeholder tokens."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from lightning_modules.families.image_to_text import ImageToTextFamily


class PlaceholderFamily(ImageToTextFamily):
    """The prompt is an instruction, which a template puts into the words that the model was tuned on.

    A prompt that holds the model's own image token is taken as the whole text before the caption, without a template.
    The image encoder stays frozen, as published; what connects it to the language model is trained.

    Attributes:
        template: the text before a caption, around `{image}` and `{prompt}`.
        around: what stands directly before and after the image's placeholders.
    """

    default_prompt: ClassVar[str] = "Describe the image in one short sentence."
    template: ClassVar[str]
    around: ClassVar[tuple[str, str]] = ("", "")

    @property
    def said(self) -> str:
        """Return the text that a caption stands behind, the image as one placeholder."""
        image = self.tokenizer.convert_ids_to_tokens(self.model.config.image_token_id)
        text = self.prompt if image in self.prompt else self.template.format(image=image, prompt=self.prompt)
        return text.replace(image, f"{self.around[0]}{image}{self.around[1]}")

    @property
    def opening(self) -> list[int]:
        """Return the tokens behind the image, up to the caption."""
        return self._halves()[1]

    @property
    def room(self) -> int | None:
        """Return how many words have a position behind the whole text; the image's own placeholders come on top."""
        found = super().room
        return None if found is None else found - len(self._halves()[0])

    def features(self, pixels: Tensor) -> Tensor:
        """Return the image's share of the language model's input, (n, placeholders, d)."""
        found = self.model.get_image_features(pixel_values=self._as_input(pixels), return_dict=True)
        return torch.stack(list(found.pooler_output))

    def logits(self, features: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the logits at the words only: the rest would fill the memory for nothing."""
        length = ids.shape[1]
        embeddings, mask = self._embed(features, *self._behind_opening(ids, mask))
        found = self.model(inputs_embeds=embeddings, attention_mask=mask, use_cache=False, logits_to_keep=length)
        return found.logits

    def write(self, features: Tensor, **options: Any) -> Tensor:
        """Continue prompt, image and prompt."""
        ids = self._openings(features)
        embeddings, mask = self._embed(features, ids, torch.ones_like(ids))
        return self.model.generate(inputs_embeds=embeddings, attention_mask=mask, **options)

    def _as_input(self, pixels: Tensor) -> Tensor:
        return pixels

    def _halves(self) -> tuple[list[int], list[int]]:
        """Return the tokens before and behind the image; a prompt must hold it once and not last, or ValueError."""
        ids, image = list(self.tokenizer(self.said)["input_ids"]), self.model.config.image_token_id
        if ids[-1] in self.ends and not self.said.endswith(self.tokenizer.convert_ids_to_tokens(ids[-1])):
            ids.pop()  # tokenizers that frame a text close it too; this one goes on
        if ids.count(image) != 1 or ids[-1] == image:
            raise ValueError(
                f"prompt: found {self.prompt!r}, which gives {ids.count(image)} image tokens; "
                "allowed: one with text behind it, or none for the family's template"
            )
        place = ids.index(image)
        return ids[:place], ids[place + 1 :]

    def _embed(self, features: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Put the image and what stands before it in front of ids and mask (n, t)."""
        table = self.model.get_input_embeddings()
        words = table(ids)
        front = torch.tensor(self._halves()[0], dtype=ids.dtype, device=ids.device).expand(len(ids), -1)
        embeddings = torch.cat([table(front), features.to(words.dtype), words], 1)
        seen = mask.new_ones((len(ids), front.shape[1] + features.shape[1]))
        return embeddings, torch.cat([seen, mask], 1)

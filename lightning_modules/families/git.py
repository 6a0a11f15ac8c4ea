"""GIT (2205.14100): image patches and words in one causal transformer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput

from lightning_modules.families.image_to_text import ImageToTextFamily


class Family(ImageToTextFamily):
    """The library's model takes pixels only; here its image encoder answers with what it made of them before."""

    sight: ClassVar[tuple[str, ...]] = ("git.image_encoder.",)
    lora_layers: ClassVar[str] = r"git\.encoder\..*\.(query|value)"

    def features(self, pixels: Tensor) -> Tensor:
        """Return the image encoder's last layer (n, patches + 1, d)."""
        return self.model.git.image_encoder(pixels).last_hidden_state

    def logits(self, features: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the logits at the words; those at the patches and the prompt are left out."""
        length = ids.shape[1]
        ids, mask = self._behind_opening(ids, mask)
        with self._seen(features) as pixels:
            found = self.model(input_ids=ids, attention_mask=mask, pixel_values=pixels, use_cache=False).logits
        return found[:, -length:]

    def write(self, features: Tensor, **options: Any) -> Tensor:
        """Continue the opening; with a cache the images are read once."""
        ids = self._openings(features)
        with self._seen(features) as pixels:
            return self.model.generate(input_ids=ids, pixel_values=pixels, **options)[:, ids.shape[1] :]

    @contextmanager
    def _seen(self, features: Tensor) -> Iterator[Tensor]:
        """Give what stands for the pixels in here, a row number each: the library may repeat them, as for beams."""
        encoder, rows = self.model.git.image_encoder, torch.arange(len(features), device=features.device)

        def answer(pixels: Tensor, **_: Any) -> BaseModelOutput:
            return BaseModelOutput(last_hidden_state=features[pixels.flatten()])

        encoder.forward = answer
        try:
            yield rows.view(-1, 1, 1, 1)
        finally:
            del encoder.forward

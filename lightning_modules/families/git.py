"""GIT (2205.14100): image patches and words in one causal transformer."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from lightning_modules.families.image_to_text import ImageToTextFamily


class Family(ImageToTextFamily):
    """The model takes pixels itself, so pixels are its features; with a cache it reads them once."""

    lora_layers: ClassVar[str] = r"git\.encoder\..*\.(query|value)"

    def features(self, pixels: Tensor) -> Tensor:
        """Return the pixels."""
        return pixels

    def logits(self, features: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the logits at the words; those at the patches and the prompt are left out."""
        length = ids.shape[1]
        ids, mask = self._behind_opening(ids, mask)
        found = self.model(input_ids=ids, attention_mask=mask, pixel_values=features, use_cache=False).logits
        return found[:, -length:]

    def write(self, features: Tensor, **options: Any) -> Tensor:
        """Continue the opening."""
        ids = self._openings(features)
        return self.model.generate(input_ids=ids, pixel_values=features, **options)[:, ids.shape[1] :]

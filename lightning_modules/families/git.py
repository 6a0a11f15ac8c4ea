"""GIT (2205.14100): image patches and words in one causal transformer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lightning_modules.families.image_to_text import ImageToTextFamily


class Family(ImageToTextFamily):
    """The model takes pixels itself, so pixels are its features; with a cache it reads them once."""

    def features(self, pixels: Tensor) -> Tensor:
        """Return the pixels."""
        return pixels

    def logits(self, features: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the logits at the words; those at the patches are left out."""
        found = self.model(input_ids=ids, attention_mask=mask, pixel_values=features, use_cache=False).logits
        return found[:, -ids.shape[1] :]

    def write(self, features: Tensor, **options: Any) -> Tensor:
        """Continue the start token."""
        start = torch.full((len(features), 1), self.start, device=features.device)
        return self.model.generate(input_ids=start, pixel_values=features, **options)[:, 1:]

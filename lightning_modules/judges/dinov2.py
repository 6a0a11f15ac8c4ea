"""A judge of images trained without a word: DINOv2 (2304.07193)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from transformers import AutoImageProcessor, Dinov2Model

from lightning_modules.fitting.devices import device
from lightning_modules.judges.frozen import LAST, FrozenJudge, embed
from lightning_modules.weights import loading


class DinoJudge(FrozenJudge):
    """Embeds images as their class token after the final layer norm, not normalised."""

    name: ClassVar[str] = "dino_judge"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, str, tuple[str, ...]]] = ("config.json", "model_type", ("dinov2",))
    embeds: ClassVar[tuple[str, ...]] = ("images",)

    def __init__(self, model: Dinov2Model, image_processor: Any, batch_size: int = 64) -> None:
        """Wrap a network with its image processor; `batch_size` is for embedding."""
        super().__init__(batch_size)
        self.model, self.image_processor = model, image_processor

    @classmethod
    def load(cls, folder: Path, dtype: str = "float32") -> Self:
        """Read what `save` (or `save_pretrained`) wrote, as "float32" or "bfloat16", without a network."""
        unread = (r"^embeddings\.mask_token$",)  # images are never masked here
        parts = loading.read(folder, dtype, Dinov2Model, AutoImageProcessor, unread=unread, heads=True)
        return cls(*parts).frozen(dtype)

    def save(self, folder: Path) -> None:
        """Write the network and the image processor with `save_pretrained`."""
        loading.write(folder, self.model, self.image_processor)

    def embed_images(self, images: np.ndarray) -> np.ndarray:
        """Embed images (n, H, W, 3) uint8 as (n, d) float32."""

        def features(part: slice) -> Any:
            pixels = self.image_processor(images=list(images[part]), **LAST, return_tensors="pt")["pixel_values"]
            return self.model(pixel_values=pixels.to(device())).pooler_output

        return embed(self, len(images), self.model.config.hidden_size, features)

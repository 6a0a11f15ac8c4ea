"""A dual encoder that only measures: CLIP (2103.00020), trained by contrast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel, PreTrainedModel

from lightning_modules.fitting.module import FitModule
from lightning_modules.inputs.tokens import places, tokenize
from lightning_modules.judges.frozen import LAST, embed
from lightning_modules.settings import FitSettings
from lightning_modules.weights import loading


class ClipJudge(FitModule):
    """Embeds images and captions into one space.

    Raw projections are returned, not normalised: distances between sets need their lengths, and a
    cosine can be had from them.

    Attributes:
        model: a `CLIPModel`, or for subclasses another dual encoder of the same interface.
    """

    name: ClassVar[str] = "clip_judge"
    version: ClassVar[int] = 1
    embeds: ClassVar[tuple[str, ...]] = ("images", "captions")
    alone: ClassVar[bool] = False  # every pair is contrasted with the others of its batch
    model_class: ClassVar[type[PreTrainedModel]] = CLIPModel
    reads: ClassVar[tuple[str, str, tuple[str, ...]]] = ("config.json", "model_type", ("clip",))

    def __init__(self, model: PreTrainedModel, tokenizer: Any, image_processor: Any, batch_size: int = 256) -> None:
        """Wrap a dual encoder with its tokenizer and image processor; `batch_size` is for embedding."""
        super().__init__()
        self.model, self.tokenizer, self.image_processor = model, tokenizer, image_processor
        self.batch_size = batch_size

    @classmethod
    def load(cls, folder: Path, dtype: str = "float32") -> Self:
        """Read what `save` (or `save_pretrained`) wrote, as "float32" or "bfloat16", without a network."""
        parts = loading.read(folder, dtype, cls.model_class, AutoTokenizer, AutoImageProcessor)
        return loading.loaded(cls(*parts), folder, dtype)

    def save(self, folder: Path) -> None:
        """Write model, tokenizer and image processor with `save_pretrained`."""
        loading.write(folder, self.model, self.tokenizer, self.image_processor)
        loading.mark(self, folder)

    def embed_images(self, images: np.ndarray) -> np.ndarray:
        """Embed images (n, H, W, 3) uint8 as (n, d) float32."""

        def features(part: slice) -> Tensor:
            return self._image_features(self._pixels(images[part]))

        return embed(self, len(images), self.model.config.projection_dim, features)

    def embed_texts(self, captions: Sequence[str]) -> np.ndarray:
        """Embed n captions as (n, d) float32; an empty caption is a caption too."""

        def features(part: slice) -> Tensor:
            return self._text_features(*self._tokens(captions[part]))

        return embed(self, len(captions), self.model.config.projection_dim, features)

    def encode(self, images: np.ndarray, captions: Sequence[str]) -> dict[str, Tensor]:
        """Return the rows of a fit for n images (n, H, W, 3) uint8 and their captions."""
        ids, mask = self._tokens(captions)
        return {"images": torch.from_numpy(images), "ids": ids, "mask": mask, "weights": torch.ones(len(images))}

    def losses(self, batch: dict[str, Tensor], settings: FitSettings) -> tuple[Tensor, dict[str, Any]]:
        """Return the symmetric contrastive loss of each pair (b,) against the others of the batch."""
        seen = F.normalize(self._image_features(self._pixels(batch["images"].cpu().numpy())), dim=-1)
        read = F.normalize(self._text_features(batch["ids"], batch["mask"]), dim=-1)
        logits = self.model.logit_scale.clamp(max=4.6).exp() * seen @ read.T
        # Two pairs with the same words are no contrast: common scenes recur within a batch.
        same = (batch["ids"][:, None] == batch["ids"][None]).all(-1)
        logits = logits.masked_fill(same & ~torch.eye(len(same), dtype=torch.bool, device=same.device), float("-inf"))
        target = torch.arange(len(logits), device=logits.device)
        return (
            F.cross_entropy(logits, target, reduction="none") + F.cross_entropy(logits.T, target, reduction="none")
        ) / 2, {}

    def _tokens(self, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        return tokenize(self.tokenizer, captions, fixed=True, limits=(places(self.model),))

    def _pixels(self, images: np.ndarray) -> Tensor:
        return self.image_processor(images=list(images), **LAST, return_tensors="pt")["pixel_values"].to(self.device)

    def _image_features(self, pixels: Tensor) -> Tensor:
        return self.model.get_image_features(pixel_values=pixels).pooler_output

    def _text_features(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.model.get_text_features(
            input_ids=ids.to(self.device), attention_mask=mask.to(self.device)
        ).pooler_output

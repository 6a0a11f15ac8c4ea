"""What the frozen networks of a pipeline make of texts and images, each batch once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lightning_modules.diffusion.cache import ContentCache
from lightning_modules.families.text_to_image import Tensors, TextToImageFamily, cast, device_of, dtype_of
from lightning_modules.fitting.precision import own_precision
from lightning_modules.inputs import latents as latent_space
from lightning_modules.inputs.pixels import to_unit

#: Texts that are encoded side by side.
TEXTS = 256


class Encoders:
    """The text encoders and the autoencoder of a pipeline.

    Attributes:
        family: of the pipeline; holds its parts.
        cache: what was encoded so far.
        text_is_trained: whether the text encoders change, so that nothing of theirs may be kept.
    """

    def __init__(self, family: TextToImageFamily) -> None:
        self.family, self.cache, self.text_is_trained = family, ContentCache(), False

    def train_text(self) -> None:
        """Forget what was encoded: the text encoders are trained from now on."""
        self.text_is_trained = True
        self.cache.clear()

    def conditions(self, texts: list[str]) -> Tensors:
        """Return the conditions of n texts, n rows each, where the denoiser lies and in its precision."""
        if not texts:
            return {name: value[:0] for name, value in self.nothing().items()}
        parts = [self._text(texts[i : i + TEXTS]) for i in range(0, len(texts), TEXTS)]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def nothing(self) -> Tensors:
        """Return the conditions of the empty prompt, one row."""
        return self._remembered(["nothing"], self.family.nothing)

    def latents(self, images: np.ndarray) -> Tensor:
        """Return the scaled latents (n, c, h, w) float32 of images (n, H, W, 3) uint8, on the CPU."""
        return self._encoded(images, b"", lambda vae, pixels: {"latents": latent_space.encode(vae, pixels)})["latents"]

    def spread_latents(self, images: np.ndarray) -> Tensors:
        """Return "latents" and their standard deviations, "spread", both as `latents`."""

        def make(vae: Any, pixels: Tensor) -> Tensors:
            return dict(zip(("latents", "spread"), latent_space.encode_spread(vae, pixels), strict=True))

        return self._encoded(images, b"spread", make)

    def _encoded(self, images: np.ndarray, kind: bytes, make: Callable[[Any, Tensor], Tensors]) -> Tensors:
        vae = self.family.parts["vae"]
        content = (repr(images.shape).encode() + kind, np.ascontiguousarray(images).tobytes())
        with own_precision(vae, vae.dtype == torch.float32):
            found = self.cache.get(content, [vae], lambda: make(vae, to_unit(images)))
        return {name: value.cpu() for name, value in found.items()}  # what is remembered lies there too

    def _text(self, texts: list[str]) -> Tensors:
        family = self.family
        return self._remembered(["text", *texts], lambda: family.conditions(family.tokens(texts)))

    def _remembered(self, words: list[str], make: Callable[[], Tensors]) -> Tensors:
        def conditions() -> Tensors:
            return cast(make(), dtype_of(self.family.network))

        if self.text_is_trained:
            return conditions()
        networks = [self.family.parts[name] for name in self.family.present]
        found = self.cache.get((word.encode() for word in words), networks, conditions)
        return {name: value.to(device_of(self.family.network)) for name, value in found.items()}

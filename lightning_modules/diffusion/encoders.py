"""What the frozen networks of a pipeline make of texts and images, each batch once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from lightning_modules import memory
from lightning_modules.diffusion.autoencoding import encoded
from lightning_modules.diffusion.cache import ContentCache
from lightning_modules.families.text_to_image import Tensors, TextToImageFamily, cast, device_of, dtype_of

#: Texts that are encoded side by side at most.
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

    def conditions(self, texts: list[str], where: torch.device | None = None) -> Tensors:
        """Return the conditions of n texts, n rows each, in the denoiser's precision; None = where the denoiser lies.

        Those of all texts of a fit may be larger than a device's memory.
        """
        if not texts:
            return {name: value[:0] for name, value in self.nothing().items()}
        place = where or device_of(self.family.network)
        batches = (self._text(texts[i : i + TEXTS]) for i in range(0, len(texts), TEXTS))
        return joined([{name: value.to(place) for name, value in part.items()} for part in batches])

    def nothing(self) -> Tensors:
        """Return the conditions of the empty prompt, one row."""
        return self._remembered(["nothing"], self.family.nothing)

    def latents(self, images: np.ndarray) -> Tensor:
        """Return the scaled latents (n, c, h, w) float32 of images (n, H, W, 3) uint8, on the CPU."""
        return self.seen(images, spread=False)["latents"]

    def seen(self, images: np.ndarray, spread: bool) -> Tensors:
        """Return "latents" of images and, where wanted, their standard deviations, "spread", both as `latents`."""
        vae = self.family.parts["vae"]
        content = (repr(images.shape).encode() + (b"spread" if spread else b""), np.ascontiguousarray(images).tobytes())
        return self.cache.get(content, [vae], lambda: encoded(vae, images, spread))

    def _text(self, texts: list[str]) -> Tensors:
        return self._remembered(["text", *texts], lambda: self._encoded(texts))

    def _encoded(self, texts: list[str]) -> Tensors:
        """Ask the text encoders; where there is no memory for all texts, for some of them after the other."""
        tokens = self.family.tokens(texts)  # of all, so that each is as long as it was

        def conditions(part: slice) -> Tensors:
            return self.family.conditions({name: value[part] for name, value in tokens.items()})

        return joined(memory.in_parts("texts", len(texts), len(texts), conditions))

    def _remembered(self, words: list[str], make: Callable[[], Tensors]) -> Tensors:
        def conditions() -> Tensors:
            return cast(make(), dtype_of(self.family.network))

        if self.text_is_trained:
            return conditions()
        networks = [self.family.parts[name] for name in self.family.present]
        found = self.cache.get((word.encode() for word in words), networks, conditions)
        return {name: value.to(device_of(self.family.network)) for name, value in found.items()}


def joined(parts: list[Tensors]) -> Tensors:
    """Put the rows of tensors with equal names together; one part stays what it is."""
    return parts[0] if len(parts) == 1 else {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

"""Between pictures and latents, as many at a time as the memory holds.

Pictures are split, never one picture into tiles: the norms of an autoencoder see all of a picture, so tiles of it would
have other numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from lightning_modules import memory
from lightning_modules.families.text_to_image import Tensors
from lightning_modules.fitting.precision import own_precision
from lightning_modules.inputs import latents as latent_space
from lightning_modules.inputs.pixels import to_bytes, to_unit

#: Pixels that are worked on at once: layers of 256 channels stay below the 2^31 numbers that some kernels can count.
PIXELS_AT_ONCE = 2**22


def encoded(vae: Any, images: np.ndarray, spread: bool = False) -> Tensors:
    """Return the scaled "latents" (n, c, h, w) float32 of n > 0 images (n, H, W, 3) uint8, on the CPU.

    With `spread` their standard deviations, too. An autoencoder in float32 works in float32, whatever surrounds it.
    """
    at_once = max(1, PIXELS_AT_ONCE // (images.shape[1] * images.shape[2]))

    def encode(part: slice) -> list[Tensor]:
        pixels = to_unit(images[part])
        found = latent_space.encode_spread(vae, pixels) if spread else (latent_space.encode(vae, pixels),)
        return [value.cpu() for value in found]

    with own_precision(vae, vae.dtype == torch.float32):
        parts = memory.in_parts("encode", len(images), at_once, encode)
    return {
        name: torch.cat(values) for name, values in zip(("latents", "spread"), zip(*parts, strict=True), strict=False)
    }


def decoded(vae: Any, latents: Tensor, own: bool = False) -> np.ndarray:
    """Decode n > 0 scaled latents (n, c, h, w) to images (n, H, W, 3) uint8.

    In the precision of `vae` if `own`, or where that is float32.
    """
    pixels = latents.shape[2] * latents.shape[3] * latent_space.factor(vae) ** 2
    with own_precision(vae, own or vae.dtype == torch.float32):
        return np.concatenate(
            memory.in_parts(
                "decode",
                len(latents),
                max(1, PIXELS_AT_ONCE // pixels),
                lambda part: to_bytes(latent_space.decode(vae, latents[part])),
            )
        )

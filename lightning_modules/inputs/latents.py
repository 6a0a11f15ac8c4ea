"""Between pixels and the scaled latents that a denoiser works on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def factor(vae: Any) -> int:
    """Return how many pixels a latent is wide."""
    return 2 ** (len(vae.config.block_out_channels) - 1)


def settle(vae: Any) -> None:
    """Bring an autoencoder that overflows in float16, such as SDXL's, to float32."""
    if vae.dtype == torch.float16 and vae.config.get("force_upcast"):
        vae.to(torch.float32)


def encode(vae: Any, pixels: Tensor) -> Tensor:
    """Encode pixels (n, 3, H, W) in [-1, 1]: the likeliest latents (n, c, h, w), scaled, float32."""
    return encode_spread(vae, pixels)[0]


def encode_spread(vae: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Encode pixels (n, 3, H, W) in [-1, 1]: means and standard deviations of latents (n, c, h, w), scaled, float32."""
    found = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist
    latents, spread = found.mode().float(), found.std.float() * vae.config.scaling_factor
    mean, deviation = _statistics(vae, latents)
    if mean is not None:
        return (latents - mean) * vae.config.scaling_factor / deviation, spread / deviation
    return (latents - (vae.config.shift_factor or 0.0)) * vae.config.scaling_factor, spread


def decode(vae: Any, latents: Tensor) -> Tensor:
    """Decode scaled latents (n, c, h, w) to pixels (n, 3, H, W), about [-1, 1]."""
    mean, deviation = _statistics(vae, latents)
    if mean is not None:
        latents = latents * deviation / vae.config.scaling_factor + mean
    else:
        latents = latents / vae.config.scaling_factor + (vae.config.shift_factor or 0.0)
    return vae.decode(latents.to(vae.dtype), return_dict=False)[0]


def _statistics(vae: Any, latents: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """Return mean and standard deviation per channel where the autoencoder gives both."""
    mean, deviation = vae.config.get("latents_mean"), vae.config.get("latents_std")
    if mean is None or deviation is None:
        return None, None
    both = torch.tensor([list(mean), list(deviation)]).to(latents).view(2, 1, -1, 1, 1)
    return both[0], both[1]

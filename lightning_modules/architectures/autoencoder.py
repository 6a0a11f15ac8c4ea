"""A small convolutional autoencoder: 32x32 pixels to 8x8 latents."""

from __future__ import annotations

from diffusers import AutoencoderKL

from lightning_modules.architectures.parts import Given
from lightning_modules.diffusion.autoencoder import AutoencoderModule


def build(
    given: Given, channels: tuple[int, ...] = (16, 32, 32), latents: int = 8, divergence: float = 1e-4
) -> AutoencoderModule:
    """Build it: `channels` per resolution, halved between them; `latents` channels inside."""
    vae = AutoencoderKL(
        sample_size=given.image_size,
        block_out_channels=tuple(channels),
        latent_channels=latents,
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        mid_block_add_attention=False,
    )
    return AutoencoderModule(vae, divergence)

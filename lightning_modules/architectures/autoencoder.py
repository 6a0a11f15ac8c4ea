"""A small convolutional autoencoder: 32x32 pixels to 8x8 latents."""

from __future__ import annotations

from pathlib import Path

from diffusers import AutoencoderKL

from lightning_modules.diffusion.autoencoder import AutoencoderModule


def build(
    vocabulary: tuple[str, ...],
    image_size: int,
    siblings: Path,
    channels: tuple[int, ...] = (16, 32, 32),
    latents: int = 8,
    divergence: float = 1e-4,
) -> AutoencoderModule:
    """Build it: `channels` per resolution, halved between them; `latents` channels inside."""
    depth = len(channels)
    vae = AutoencoderKL(
        sample_size=image_size,
        block_out_channels=tuple(channels),
        latent_channels=latents,
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * depth,
        up_block_types=("UpDecoderBlock2D",) * depth,
        mid_block_add_attention=False,
    )
    return AutoencoderModule(vae, divergence)

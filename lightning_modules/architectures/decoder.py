"""The shared autoencoder's decoder, trained further while its latent space stays as it is."""

from __future__ import annotations

from lightning_modules.architectures.parts import Given
from lightning_modules.diffusion.autoencoder import AutoencoderModule


def build(given: Given, noise: float = 0.05) -> AutoencoderModule:
    """Start from the autoencoder beside this base and freeze its encoder.

    Generators draw latents that are a little off, so the decoder learns with `noise` on them, given
    as a standard deviation in scaled latents.
    """
    module = AutoencoderModule.load(given.siblings / "vae")
    module.freeze_latents(noise)
    return module

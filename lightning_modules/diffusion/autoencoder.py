"""The shared latent space: an `AutoencoderKL` (1312.6114, 2112.10752) trained on images alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from lightning_modules import memory
from lightning_modules.fitting.module import FitModule
from lightning_modules.inputs.pixels import to_bytes, to_unit
from lightning_modules.settings import FitSettings
from lightning_modules.weights import loading
from lightning_modules.weights.quiet import quiet

#: Images that go through at once at most.
AT_ONCE = 256


class AutoencoderModule(FitModule):
    """Trains an autoencoder with an absolute error and a slight pull to a normal distribution."""

    def __init__(self, vae: AutoencoderKL, divergence: float = 1e-4) -> None:
        """Wrap `vae`; `divergence` weighs the Kullback-Leibler term, both terms as means per value."""
        super().__init__()
        self.vae, self.divergence, self.noise = vae.to(memory_format=torch.channels_last), divergence, 0.0
        self.latents_are_frozen = False

    def freeze_latents(self, noise: float) -> None:
        """Train only the decoder from now on, on latents with a little `noise` (standard deviation, scaled latents)."""
        self.latents_are_frozen, self.noise = True, noise
        for part in (self.vae.encoder, self.vae.quant_conv):
            part.requires_grad_(False)

    def encode(self, images: np.ndarray, captions: tuple[str, ...] = ()) -> dict[str, Tensor]:
        """Return the rows of a fit for images (n, H, W, 3) uint8; captions are not looked at."""
        rows = {"images": torch.from_numpy(images), "weights": torch.ones(len(images))}
        return {**rows, "latents": self._latents(rows["images"]).cpu()} if self.latents_are_frozen else rows

    def losses(self, batch: dict[str, Tensor], settings: FitSettings) -> tuple[Tensor, dict[str, Any]]:
        """Return reconstruction plus divergence (b,)."""
        images = batch["images"].permute(0, 3, 1, 2).float().div(127.5).sub(1.0)
        if self.latents_are_frozen:
            latents = batch["latents"] + self.noise / self.vae.config.scaling_factor * torch.randn(
                batch["latents"].shape
            ).to(images)
            error = (self.vae.decode(latents, return_dict=False)[0] - images).abs().mean(dim=(1, 2, 3))
            return error, {"error": error}
        posterior = self.vae.encode(images).latent_dist
        rebuilt = self.vae.decode(posterior.sample(), return_dict=False)[0]
        error = (rebuilt - images).abs().mean(dim=(1, 2, 3))
        return error + self.divergence * posterior.kl() / posterior.mean[0].numel(), {"error": error}

    @torch.no_grad()
    def finish(self, data: dict[str, Tensor]) -> None:
        """Give every latent channel mean 0 and standard deviation 1, and set the scaling factor for the rest.

        The change of units goes into the 1x1 convolutions around the latents, so images stay as they are.
        """
        if self.latents_are_frozen:
            return
        before = self._latents(data["images"][:4096])
        mean, deviation = before.mean(dim=(0, 2, 3)), before.std(dim=(0, 2, 3))
        into, out_of = self.vae.quant_conv, self.vae.post_quant_conv
        channels = len(mean)
        into.weight[:channels] /= deviation.view(-1, 1, 1, 1)
        into.bias[:channels] = (into.bias[:channels] - mean) / deviation
        into.bias[channels:] -= 2 * deviation.log()
        out_of.bias += out_of.weight[:, :, 0, 0] @ mean
        out_of.weight *= deviation.view(1, -1, 1, 1)
        self.vae.register_to_config(scaling_factor=round(float(1 / self._latents(data["images"][:4096]).std()), 6))

    @torch.no_grad()
    def _latents(self, images: Tensor) -> Tensor:
        def latents(part: slice) -> Tensor:
            return self.vae.encode(to_unit(images[part].numpy()).to(self.device)).latent_dist.mode()

        return torch.cat(memory.in_parts("encode", len(images), AT_ONCE, latents))

    @torch.no_grad()
    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """Return images (n, H, W, 3) uint8 after a trip through the latent space."""

        def rebuilt(part: slice) -> np.ndarray:
            pixels = to_unit(images[part]).to(self.device)
            return to_bytes(self.vae.decode(self.vae.encode(pixels).latent_dist.mode(), return_dict=False)[0])

        return np.concatenate(memory.in_parts("decode", len(images), AT_ONCE, rebuilt))

    def save(self, folder: Path) -> None:
        """Write the autoencoder with `save_pretrained`."""
        with quiet():
            self.vae.save_pretrained(folder)

    @classmethod
    def load(cls, folder: Path) -> AutoencoderModule:
        """Read what `save` wrote, as float32."""
        return cls(loading.read_network(AutoencoderKL, Path(folder), torch.float32)).eval()

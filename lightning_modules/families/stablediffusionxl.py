"""Stable Diffusion XL (2307.01952): two CLIP text encoders, pooled text and image sizes as extra conditions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from lightning_modules.families.text_to_image import Tensors, TextToImageFamily, device_of
from lightning_modules.inputs import latents as latent_space


class Family(TextToImageFamily):
    """SDXL: the last but one layer of both encoders, side by side, and the second one's projection."""

    encoders: ClassVar[tuple[str, ...]] = ("text_encoder", "text_encoder_2")
    abreast: ClassVar[tuple[str, ...]] = encoders

    def conditions(self, tokens: Tensors) -> Tensors:
        """Return states (n, t, d) and pooled (n, p)."""
        states = []
        for encoder in self.encoders:
            network = self.parts[encoder]
            ids = tokens["ids" + encoder.removeprefix("text_encoder")].to(device_of(network))
            output = network(input_ids=ids, output_hidden_states=True)
            states.append(output.hidden_states[-2])
        return {"states": torch.cat(states, -1), "pooled": output.text_embeds}

    def nothing(self) -> Tensors:
        """Return the empty prompt's conditions: zeros where the pipeline was trained so."""
        found = super().nothing()
        zeros = self.settings.get("force_zeros_for_empty_prompt", True)
        return {name: torch.zeros_like(value) if zeros else value for name, value in found.items()}

    def sizes(self, heights: np.ndarray, widths: np.ndarray, side: int) -> Tensor:
        """Return (n, 6) float32: height and width before, what was cut off at the top and the left, height and width.

        Pictures were scaled by their short side and cut at the centre (2307.01952, 2.2).
        """
        own = heights == 0
        sides = np.stack([np.where(own, side, heights), np.where(own, side, widths)], 1).astype(np.float64)
        scaled = np.floor(sides * (side / sides.min(1, keepdims=True)))
        cut = np.round((scaled - side) / 2).clip(0)
        return torch.from_numpy(np.concatenate([sides, cut, np.full_like(sides, side)], 1)).float()

    def predict(self, latents: Tensor, times: Tensor, conditions: Tensors) -> Tensor:
        """Call the U-Net, told the sizes among the conditions; without them images are of their own size, uncropped."""
        sizes = conditions.get("sizes")
        if sizes is None:
            unit = latent_space.factor(self.parts["vae"])
            height, width = (side * unit for side in latents.shape[-2:])
            sizes = torch.tensor([height, width, 0, 0, height, width], dtype=latents.dtype, device=latents.device)
        added = {"text_embeds": conditions["pooled"], "time_ids": sizes.to(latents.device).expand(len(latents), 6)}
        return self.network(
            latents, times, encoder_hidden_states=conditions["states"], added_cond_kwargs=added, return_dict=False
        )[0]

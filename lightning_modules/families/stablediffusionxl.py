"""Stable Diffusion XL (2307.01952): two CLIP text encoders, pooled text and image sizes as extra conditions."""

from __future__ import annotations

from typing import ClassVar

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

    def predict(self, latents: Tensor, times: Tensor, conditions: Tensors) -> Tensor:
        """Call the U-Net; all images are made at their own size, uncropped."""
        unit = latent_space.factor(self.parts["vae"])
        height, width = (side * unit for side in latents.shape[-2:])
        sizes = torch.tensor([height, width, 0, 0, height, width], dtype=latents.dtype, device=latents.device)
        added = {"text_embeds": conditions["pooled"], "time_ids": sizes.expand(len(latents), 6)}
        return self.network(
            latents, times, encoder_hidden_states=conditions["states"], added_cond_kwargs=added, return_dict=False
        )[0]

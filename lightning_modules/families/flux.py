"""FLUX.1: a flow-matching transformer over packed latents; its `dev` model takes the guidance scale as an input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from lightning_modules.families.text_to_image import JointAttentionFamily, Tensors, device_of
from lightning_modules.inputs import latents as latent_space

#: The guidance scale that is told to a guidance-distilled model while it is fine-tuned, as in diffusers' scripts.
TRAINING_GUIDANCE = 3.5


class Family(JointAttentionFamily):
    """A T5 encoder's states and a CLIP encoder's pooled output; 2 x 2 latents make one token."""

    encoders: ClassVar[tuple[str, ...]] = ("text_encoder", "text_encoder_2")
    lengths: ClassVar[Mapping[str, int]] = {"text_encoder_2": 512}

    @property
    def patch(self) -> int:
        """Return the side of one token, in latents."""
        return 2

    @property
    def guidance_is_input(self) -> bool:
        """Return whether the model is guidance-distilled."""
        return bool(self.network.config.guidance_embeds)

    def latent_shape(self, size: int | None = None) -> tuple[int, int, int]:
        """Return the shape of unpacked latents; these models are made for 128 x 128 of them."""
        found = super().latent_shape(size or 128 * latent_space.factor(self.parts["vae"]))
        return found[0] // self.patch**2, *found[1:]

    def sigmas(self, steps: int) -> list[float]:
        """Return evenly spaced noise levels from 1 to 1 / steps."""
        return list(np.linspace(1.0, 1 / steps, steps))

    def conditions(self, tokens: Tensors) -> Tensors:
        """Return states (n, t, d) and pooled (n, p)."""
        first, second = self.parts["text_encoder"], self.parts["text_encoder_2"]
        return {
            "states": second(input_ids=tokens["ids_2"].to(device_of(second))).last_hidden_state,
            "pooled": first(input_ids=tokens["ids"].to(device_of(first))).pooler_output,
        }

    def predict(self, latents: Tensor, times: Tensor, conditions: Tensors) -> Tensor:
        """Call the transformer on latents (n, c, h, w), with conditions["guidance"] (n,) if it takes that."""
        n, channels, height, width = latents.shape
        grid = (n, channels, height // 2, 2, width // 2, 2)
        packed = latents.reshape(grid).permute(0, 2, 4, 1, 3, 5).reshape(n, -1, 4 * channels)
        guidance = None
        if self.guidance_is_input:
            usual = torch.full((n,), TRAINING_GUIDANCE, device=latents.device)
            guidance = conditions.get("guidance", usual).float()
        found = self.network(
            hidden_states=packed,
            timestep=times / 1000,  # the network counts times from 0 to 1, whatever the scheduler's number is
            guidance=guidance,
            pooled_projections=conditions["pooled"],
            encoder_hidden_states=conditions["states"],
            txt_ids=torch.zeros(conditions["states"].shape[1], 3, device=latents.device),
            img_ids=_places(height // 2, width // 2).to(latents.device),
            return_dict=False,
        )[0]
        found = found.reshape(n, height // 2, width // 2, channels, 2, 2).permute(0, 3, 1, 4, 2, 5)
        return found.reshape(latents.shape)


def _places(height: int, width: int) -> Tensor:
    """Return the position of every token (height * width, 3): 0, row, column."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([torch.zeros_like(rows), rows, columns], -1).reshape(-1, 3).float()

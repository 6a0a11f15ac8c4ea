"""PixArt-alpha (2310.00426): a diffusion transformer with cross-attention to a T5 encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from lightning_modules.families.text_to_image import Tensors, TextToImageFamily, device_of
from lightning_modules.inputs import latents as latent_space


class Family(TextToImageFamily):
    """Padding is masked, both in the text encoder and in the cross-attention."""

    denoiser: ClassVar[str] = "transformer"
    lengths: ClassVar[Mapping[str, int]] = {"text_encoder": 120}

    def tokens(self, prompts: Sequence[str]) -> Tensors:
        """Tokenize n prompts in lower case, as these models were trained."""
        return super().tokens([prompt.lower().strip() for prompt in prompts])

    def conditions(self, tokens: Tensors) -> Tensors:
        """Return states (n, t, d) and their mask (n, t)."""
        network = self.parts["text_encoder"]
        ids, mask = tokens["ids"].to(device_of(network)), tokens["mask"].to(device_of(network))
        return {"states": network(input_ids=ids, attention_mask=mask).last_hidden_state, "mask": mask}

    def predict(self, latents: Tensor, times: Tensor, conditions: Tensors) -> Tensor:
        """Call the transformer; a learned variance is left aside."""
        found = self.network(
            latents,
            encoder_hidden_states=conditions["states"],
            encoder_attention_mask=conditions["mask"],
            timestep=times,
            added_cond_kwargs=self._sizes(latents),
            return_dict=False,
        )[0]
        return found[:, : latents.shape[1]]

    def _sizes(self, latents: Tensor) -> dict[str, Tensor | None]:
        """Return height and width (n, 2) and their ratio (n, 1), which the models for 1024 pixels are told."""
        if not self.network.use_additional_conditions:
            return {"resolution": None, "aspect_ratio": None}
        n, unit = len(latents), latent_space.factor(self.parts["vae"])
        height, width = (float(side * unit) for side in latents.shape[-2:])
        return {
            "resolution": torch.tensor([[height, width]]).to(latents).expand(n, 2),
            "aspect_ratio": torch.tensor([[height / width]]).to(latents).expand(n, 1),
        }

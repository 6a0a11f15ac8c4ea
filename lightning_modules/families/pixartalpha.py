"""PixArt-alpha (2310.00426): a diffusion transformer with cross-attention to a T5 encoder."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from lightning_modules.families.text_to_image import Tensors, TextToImageFamily, device_of


class Family(TextToImageFamily):
    """Padding is masked, both in the text encoder and in the cross-attention."""

    denoiser: ClassVar[str] = "transformer"

    def conditions(self, tokens: Tensors) -> Tensors:
        """Return states (n, t, d) and their mask (n, t)."""
        network = self.parts["text_encoder"]
        ids, mask = tokens["ids"].to(device_of(network)), tokens["mask"].to(device_of(network))
        return {"states": network(input_ids=ids, attention_mask=mask).last_hidden_state, "mask": mask}

    def predict(self, latents: Tensor, times: Tensor, conditions: Tensors) -> Tensor:
        """Call the transformer; a learned variance is left aside."""
        sizes = {"resolution": None, "aspect_ratio": None}
        found = self.network(
            latents,
            encoder_hidden_states=conditions["states"],
            encoder_attention_mask=conditions["mask"],
            timestep=times,
            added_cond_kwargs=sizes,
            return_dict=False,
        )[0]
        return found[:, : latents.shape[1]]

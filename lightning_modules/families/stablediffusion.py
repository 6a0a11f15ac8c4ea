"""Stable Diffusion (2112.10752): one CLIP text encoder."""

from __future__ import annotations

from torch import Tensor

from lightning_modules.families.text_to_image import Tensors, TextToImageFamily, device_of


class Family(TextToImageFamily):
    """The last layer of the text encoder conditions the U-Net."""

    def conditions(self, tokens: Tensors) -> Tensors:
        """Return states (n, t, d)."""
        network = self.parts["text_encoder"]
        return {"states": network(input_ids=tokens["ids"].to(device_of(network))).last_hidden_state}

    def predict(self, latents: Tensor, times: Tensor, conditions: Tensors) -> Tensor:
        """Call the U-Net."""
        return self.network(latents, times, encoder_hidden_states=conditions["states"], return_dict=False)[0]

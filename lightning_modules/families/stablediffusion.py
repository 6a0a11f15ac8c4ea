"""Stable Diffusion (2112.10752): one CLIP text encoder; versions 1 and 2 differ in their weights and configurations."""

from __future__ import annotations

from torch import Tensor

from lightning_modules.families.text_to_image import Tensors, TextToImageFamily, device_of


class Family(TextToImageFamily):
    """The last layer of the text encoder conditions the U-Net."""

    def conditions(self, tokens: Tensors) -> Tensors:
        """Return states (n, t, d)."""
        network = self.parts["text_encoder"]
        where = device_of(network)
        masked = getattr(network.config, "use_attention_mask", False)
        mask = tokens["mask"].to(where) if masked else None
        return {"states": network(input_ids=tokens["ids"].to(where), attention_mask=mask).last_hidden_state}

    def predict(self, latents: Tensor, times: Tensor, conditions: Tensors) -> Tensor:
        """Call the U-Net."""
        return self.network(latents, times, encoder_hidden_states=conditions["states"], return_dict=False)[0]

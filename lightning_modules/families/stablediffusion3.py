"""Stable Diffusion 3 (2403.03206): a transformer over image and text tokens together, trained by flow matching."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from lightning_modules.families.text_to_image import JointAttentionFamily, Tensors, device_of


class Family(JointAttentionFamily):
    """Two CLIP encoders side by side, a T5 encoder after them; the model also works without the latter."""

    encoders: ClassVar[tuple[str, ...]] = ("text_encoder", "text_encoder_2", "text_encoder_3")
    abreast: ClassVar[tuple[str, ...]] = encoders[:2]
    lengths: ClassVar[Mapping[str, int]] = {"text_encoder_3": 256}

    def conditions(self, tokens: Tensors) -> Tensors:
        """Return states (n, t, d) and pooled (n, p)."""
        states, pooled = [], []
        for suffix in ("", "_2"):
            network = self.parts["text_encoder" + suffix]
            output = network(input_ids=tokens["ids" + suffix].to(device_of(network)), output_hidden_states=True)
            states.append(output.hidden_states[-2])
            pooled.append(output.text_embeds)
        short, long = torch.cat(states, -1), self._long(tokens)
        short = functional.pad(short, (0, long.shape[-1] - short.shape[-1]))
        return {"states": torch.cat([short, long], 1), "pooled": torch.cat(pooled, -1)}

    def _long(self, tokens: Tensors) -> Tensor:
        """Return the T5 encoder's states (n, t, d), padding included as in training; zeros where it is left out."""
        network = self.parts.get("text_encoder_3")
        if network is not None:
            return network(input_ids=tokens["ids_3"].to(device_of(network))).last_hidden_state
        shape = (len(tokens["ids"]), self.lengths["text_encoder_3"], self.network.config.joint_attention_dim)
        first = self.parts["text_encoder"]
        return torch.zeros(shape, dtype=first.dtype, device=device_of(first))

    def predict(self, latents: Tensor, times: Tensor, conditions: Tensors) -> Tensor:
        """Call the transformer."""
        return self.network(
            hidden_states=latents,
            timestep=times,
            encoder_hidden_states=conditions["states"],
            pooled_projections=conditions["pooled"],
            return_dict=False,
        )[0]

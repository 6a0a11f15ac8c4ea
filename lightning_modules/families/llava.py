"""LLaVA-1.5 (2310.03744): a CLIP image encoder, a small projection, an instruction-tuned language model."""

from __future__ import annotations

from typing import ClassVar

from lightning_modules.families.placeholders import PlaceholderFamily


class Family(PlaceholderFamily):
    """Projection and language model are trained, as in its second stage."""

    template: ClassVar[str] = "USER: {image}\n{prompt} ASSISTANT:"
    frozen: ClassVar[tuple[str, ...]] = ("model.vision_tower.",)
    sight: ClassVar[tuple[str, ...]] = (*frozen, "model.multi_modal_projector.")
    lora_layers: ClassVar[str] = r"(.*\.)?language_model\..*\.(q_proj|v_proj)"

"""Idefics2 (2405.02246): a SigLIP image encoder, a perceiver resampler, a language model; of Flamingo's line."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from lightning_modules.families.placeholders import PlaceholderFamily

TURN_ENDS = "<end_of_utterance>"


class Family(PlaceholderFamily):
    """Connector and language model are trained. Images are seen whole, never split into tiles."""

    #: The published template has no space behind the picture; the library's processor puts one there.
    template: ClassVar[str] = f"User:{{image}} {{prompt}}{TURN_ENDS}\nAssistant:"
    around: ClassVar[tuple[str, str]] = ("<fake_token_around_image>", "<fake_token_around_image>")
    frozen: ClassVar[tuple[str, ...]] = ("model.vision_model.",)
    sight: ClassVar[tuple[str, ...]] = (*frozen, "model.connector.")
    lora_layers: ClassVar[str] = r"(.*\.)?text_model\..*\.(q_proj|v_proj)"

    @property
    def end(self) -> int:
        """Return the end of a turn where the model ends with it, as chats do, else the end of a text."""
        turn = self.tokenizer.convert_tokens_to_ids(TURN_ENDS)
        return turn if turn in self.ends else self.ends[0]

    def pixels(self, image_processor: Any, images: np.ndarray) -> Tensor:
        """Return images of one size, so nothing is padded and no pixel needs a mask."""
        nested = [[image] for image in images]
        found = image_processor(images=nested, do_image_splitting=False, return_tensors="pt")
        return found["pixel_values"][:, 0]

    def _as_input(self, pixels: Tensor) -> Tensor:
        return pixels[:, None]  # one image in each conversation

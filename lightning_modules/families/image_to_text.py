"""What an image-to-text family has to say about its model."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from lightning_modules.families import find
from lightning_modules.inputs.tokens import places


class ImageToTextFamily:
    """Runs a captioner on visual features and caption tokens.

    A caption is start + words + end. What stands before the start token, be it the image, a prompt or placeholders
    for the image, never appears in it: the family puts that in front by itself, and no loss is taken over it.

    Attributes:
        model: the pretrained model.
        tokenizer: its tokenizer.
        prompt: text that every caption continues, or that asks for it; "" = none.
        default_prompt: the prompt where none is given.
        frozen: name prefixes of parameters that fitting leaves alone.
        sight: name prefixes of the parameters that `features` depends on.
        features_are_frozen: whether `features` depends on frozen parameters only, so that a fit may keep them.
        lora_layers: regular expression over the full names of the layers of `model` that usually get low-rank
            adapters: the attention's query and value maps on the language side.
    """

    default_prompt: ClassVar[str] = ""
    frozen: ClassVar[tuple[str, ...]] = ()
    sight: ClassVar[tuple[str, ...]] = ("vision_model.",)
    features_are_frozen: ClassVar[bool] = False
    lora_layers: ClassVar[str]

    def __init__(self, model: PreTrainedModel, tokenizer: Any, prompt: str | None = None) -> None:
        """Look at one model; a `prompt` of None is the family's own."""
        self.model, self.tokenizer = model, tokenizer
        self.prompt = self.default_prompt if prompt is None else prompt

    @property
    def lora_targets(self) -> tuple[str, ...]:
        """Return the full names of the layers that get adapters where none are asked for."""
        return tuple(name for name, _ in self.model.named_modules() if re.fullmatch(self.lora_layers, name))

    # --- tokens

    @property
    def opening(self) -> list[int]:
        """Return all tokens before a caption's first word: the model's start token, then the prompt's."""
        return [self._special("decoder_start_token_id", "bos_token_id"), *self._tokens(self.prompt)]

    @property
    def start(self) -> int:
        """Return the token that a caption begins after, the last of the opening."""
        return self.opening[-1]

    @property
    def ends(self) -> list[int]:
        """Return the tokens that end a caption."""
        return self._specials("eos_token_id")

    @property
    def end(self) -> int:
        """Return the token that a caption is taught to end with."""
        return self.ends[0]

    @property
    def pad(self) -> int:
        """Return the token that fills a caption up."""
        return self._special("pad_token_id", "eos_token_id")

    @property
    def room(self) -> int | None:
        """Return how many words have a position behind the opening; None = any number."""
        found = places(self.model)
        return None if found is None else found - len(self.opening)

    def words(self, text: str) -> list[int]:
        """Return the tokens of a caption as they stand behind the prompt, without an end token.

        Most tokenizers split a word in another way at the start of a text than behind another word.
        """
        last = self.said.split()[-1:]
        if not last:
            return self._tokens(text)
        return self._tokens(f"{last[0]} {text}".rstrip())[len(self._tokens(last[0])) :]

    @property
    def said(self) -> str:
        """Return the text that a caption stands behind."""
        return self.prompt

    # --- networks

    def pixels(self, image_processor: Any, images: np.ndarray) -> Tensor:
        """Return network input (n, 3, h, w) float32 of images (n, H, W, 3) uint8."""
        return image_processor(images=list(images), return_tensors="pt")["pixel_values"]

    def features(self, pixels: Tensor) -> Tensor:
        """Return the visual features (n, ...) of pixels (n, 3, h, w): usually the image encoder's last layer."""
        return self.model.vision_model(pixel_values=pixels).last_hidden_state

    def logits(self, features: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return logits (n, t, v) of the token after each of ids (n, t), padded on the right per mask (n, t)."""
        raise NotImplementedError

    def write(self, features: Tensor, **options: Any) -> Tensor:
        """Generate with a key-value cache; return new tokens (n, t) without the start token."""
        raise NotImplementedError

    # --- help for families

    def _behind_opening(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Put what opens a caption before its start token in front of ids and mask (n, t)."""
        before = self.opening[:-1]
        if not before:
            return ids, mask
        front = torch.tensor(before, device=ids.device).expand(len(ids), -1)
        return torch.cat([front, ids], 1), torch.cat([torch.ones_like(front).to(mask.dtype), mask], 1)

    def _openings(self, features: Tensor) -> Tensor:
        """Return the opening once per row of features, (n, t)."""
        return torch.tensor(self.opening, device=features.device).repeat(len(features), 1)

    def _tokens(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"] if text else []

    @property
    def _sources(self) -> tuple[Any, ...]:
        """Where special tokens are looked up, first come, first served."""
        config = self.model.config
        return self.model.generation_config, config.get_text_config(decoder=True), config

    def _specials(self, *names: str) -> list[int]:
        for source in self._sources:
            for name in names:
                value = getattr(source, name, None)
                found = [int(v) for v in (value if isinstance(value, list) else [value]) if v is not None and v >= 0]
                if found:
                    return found
        raise ValueError(f"the model's configurations name none of {', '.join(names)}")

    def _special(self, *names: str) -> int:
        return self._specials(*names)[0]


def family_of(model_type: str) -> type[ImageToTextFamily]:
    """Return the family of a transformers model type; a ValueError where there is no file for it here."""
    return find(model_type.replace("-", "_"), "image-to-text", model_type)

"""What a text-to-image family has to say about its pipeline."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lightning_modules.tokens import tokenize

Tensors = dict[str, Tensor]


class TextToImageFamily:
    """Turns prompts into conditions, and calls the denoiser with them.

    Attributes:
        parts: the pipeline's parts by name, as in `model_index.json`.
        settings: the other values of `model_index.json`.
    """

    denoiser: ClassVar[str] = "unet"
    encoders: ClassVar[tuple[str, ...]] = ("text_encoder",)

    def __init__(self, parts: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        """Look at the parts of one pipeline."""
        self.parts, self.settings = parts, settings

    @property
    def network(self) -> nn.Module:
        """Return the denoiser."""
        return self.parts[self.denoiser]

    def tokens(self, prompts: Sequence[str]) -> Tensors:
        """Tokenize n prompts for every text encoder: (n, t) tensors by name."""
        found: Tensors = {}
        for encoder in self.encoders:
            suffix = encoder.removeprefix("text_encoder")
            found["ids" + suffix], found["mask" + suffix] = tokenize(
                self.parts["tokenizer" + suffix], prompts, fixed=True
            )
        return found

    def conditions(self, tokens: Tensors) -> Tensors:
        """Encode tokens: tensors of n rows by name."""
        raise NotImplementedError

    def nothing(self) -> Tensors:
        """Return the conditions of the empty prompt, one row."""
        return self.conditions(self.tokens([""]))

    def predict(self, latents: Tensor, times: Tensor, conditions: Tensors) -> Tensor:
        """Call the denoiser on latents (n, c, h, w) at times (n,)."""
        raise NotImplementedError


def family_of(pipeline: str) -> type[TextToImageFamily]:
    """Return the family of a diffusers pipeline class by its name.

    Raises:
        ValueError: there is no file for it here.
    """
    name = pipeline.removesuffix("Pipeline").lower()
    try:
        return importlib.import_module(f"lightning_modules.families.{name}").Family
    except ModuleNotFoundError as error:
        raise ValueError(
            f"no text-to-image family for {pipeline!r}: add lightning_modules/families/{name}.py"
        ) from error


def device_of(module: nn.Module) -> torch.device:
    """Return where a network lies."""
    return next(module.parameters()).device

"""What a text-to-image family has to say about its pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from lightning_modules.families import find
from lightning_modules.inputs import latents as latent_space
from lightning_modules.inputs.tokens import places, tokenize
from lightning_modules.weights.contents import TOLD, TOLD_SCALE

Tensors = dict[str, Tensor]


class TextToImageFamily:
    """Turns prompts into conditions, and calls the denoiser with them.

    Attributes:
        parts: the pipeline's parts by name, as in `model_index.json`.
        settings: the other values of `model_index.json`.
        denoiser: name of the part that is trained.
        encoders: names of the text encoders.
        lengths: tokens per text encoder, where the pipeline takes fewer than tokenizer and encoder allow.
        abreast: encoders whose states are put side by side, token by token, so that all read equally many.
        lora_targets: names (endings) of the layers that get an adapter where the user names none.
    """

    denoiser: ClassVar[str] = "unet"
    encoders: ClassVar[tuple[str, ...]] = ("text_encoder",)
    lengths: ClassVar[Mapping[str, int]] = {}
    abreast: ClassVar[tuple[str, ...]] = ()
    lora_targets: ClassVar[tuple[str, ...]] = ("to_q", "to_k", "to_v", "to_out.0")

    def __init__(self, parts: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self.parts, self.settings = parts, settings
        if getattr(self.network.config, TOLD_SCALE, None) is not None:
            raise ValueError(f"{self.denoiser} {TOLD}")

    @property
    def network(self) -> nn.Module:
        """Return the denoiser."""
        return self.parts[self.denoiser]

    @property
    def present(self) -> tuple[str, ...]:
        """Return the text encoders that this checkpoint has."""
        return tuple(encoder for encoder in self.encoders if self.parts.get(encoder) is not None)

    @property
    def patch(self) -> int:
        """Return the side of one token of the denoiser, in latents."""
        return int(self.network.config.get("patch_size") or 1)

    def sizes(self, heights: np.ndarray, widths: np.ndarray, side: int) -> Tensor | None:
        """Return what a denoiser is told of pictures (n,) that were scaled to a side; None where it is told nothing.

        Heights and widths are those before, 0 where a picture was made as it is.
        """
        return None

    @property
    def guidance_is_input(self) -> bool:
        """Tell a model that takes the guidance scale as an input from one that compares with the empty prompt."""
        return False

    def latent_shape(self, size: int | None = None) -> tuple[int, int, int]:
        """Return (channels, height, width) of the latents of one image of a `size` in pixels.

        None is the size that the denoiser was made for; a size that images cannot have is a ValueError.
        """
        config, unit = self.network.config, latent_space.factor(self.parts["vae"])
        if size is None:
            sides = config.sample_size if isinstance(config.sample_size, (list, tuple)) else [config.sample_size] * 2
            return config.in_channels, int(sides[0]), int(sides[1])
        if size < 1 or size % (unit * self.patch):
            raise ValueError(f"size: images of {size} pixels are not possible, a multiple of {unit * self.patch} is")
        return config.in_channels, size // unit, size // unit

    def sigmas(self, steps: int) -> list[float] | None:
        """Return the noise levels of sampling before shifting; None = the scheduler's own."""
        return None

    def tokens(self, prompts: Sequence[str]) -> Tensors:
        """Tokenize n prompts for every text encoder: (n, t) tensors by name."""
        found: Tensors = {}
        for encoder in self.present:
            suffix = encoder.removeprefix("text_encoder")
            together = self.abreast if encoder in self.abreast else (encoder,)
            limits = [limit for each in together for limit in self._limits(each)]
            found["ids" + suffix], found["mask" + suffix] = tokenize(
                self.parts["tokenizer" + suffix], prompts, fixed=True, limits=limits
            )
        return found

    def _limits(self, encoder: str) -> tuple[int | None, ...]:
        """Return the most tokens that the pipeline, an encoder and its tokenizer take, where each names a number."""
        tokenizer = self.parts["tokenizer" + encoder.removeprefix("text_encoder")]
        return self.lengths.get(encoder), places(self.parts[encoder]), tokenizer.model_max_length

    def conditions(self, tokens: Tensors) -> Tensors:
        """Encode tokens: tensors of n rows by name."""
        raise NotImplementedError

    def nothing(self) -> Tensors:
        """Return the conditions of the empty prompt, one row."""
        return self.conditions(self.tokens([""]))

    def predict(self, latents: Tensor, times: Tensor, conditions: Tensors) -> Tensor:
        """Call the denoiser on latents (n, c, h, w) at times (n,)."""
        raise NotImplementedError

    def answer(self, latents: Tensor, times: Tensor, conditions: Tensors) -> Tensor:
        """Call the denoiser in the precision of its weights, and return float32."""
        kind = dtype_of(self.network)
        found = self.predict(latents.to(kind), times, cast(conditions, kind))
        return found.float()


class JointAttentionFamily(TextToImageFamily):
    """A transformer that attends over image and text tokens together."""

    denoiser: ClassVar[str] = "transformer"
    lora_targets: ClassVar[tuple[str, ...]] = (
        "attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0",
        "attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj", "attn.to_add_out",
    )  # fmt: skip


def family_of(pipeline: str) -> type[TextToImageFamily]:
    """Return the family of a diffusers pipeline class by its name; a ValueError where there is no file for it here."""
    return find(pipeline.removesuffix("Pipeline").lower(), "text-to-image", pipeline)


def device_of(module: nn.Module) -> torch.device:
    """Return where a network lies."""
    return next(module.parameters()).device


def dtype_of(module: nn.Module) -> torch.dtype:
    """Return the precision of a network's weights."""
    return next(p.dtype for p in module.parameters() if p.is_floating_point())


def cast(tensors: Tensors, kind: torch.dtype) -> Tensors:
    """Bring numbers to a precision; masks stay what they are, and so do numbers of pixels, which it would round."""
    whole = {name for name, value in tensors.items() if name == "sizes" or not value.is_floating_point()}
    return {name: value if name in whole else value.to(kind) for name, value in tensors.items()}

"""What an image-to-text family has to say about its model."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

from torch import Tensor
from transformers import PreTrainedModel


class ImageToTextFamily:
    """Runs a captioner on visual features and caption tokens.

    A caption is start + words + end. Prompts and image placeholders never appear in it: the family
    puts the image in front by itself.

    Attributes:
        model: the pretrained model.
        frozen: name prefixes of parameters that fitting leaves alone.
        features_are_frozen: whether `features` depends on frozen parameters only, so that a fit may keep them.
    """

    frozen: ClassVar[tuple[str, ...]] = ()
    features_are_frozen: ClassVar[bool] = False

    def __init__(self, model: PreTrainedModel) -> None:
        """Look at one model."""
        self.model = model

    @property
    def start(self) -> int:
        """Return the token that a caption begins after."""
        return self._special("decoder_start_token_id", "bos_token_id")

    @property
    def end(self) -> int:
        """Return the token that ends a caption."""
        return self._special("eos_token_id")

    @property
    def pad(self) -> int:
        """Return the token that fills a caption up."""
        return self._special("pad_token_id", "eos_token_id")

    def features(self, pixels: Tensor) -> Tensor:
        """Return the visual features (n, ...) of pixels (n, 3, h, w)."""
        raise NotImplementedError

    def logits(self, features: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return logits (n, t, v) of the token after each of ids (n, t), padded on the right per mask (n, t)."""
        raise NotImplementedError

    def write(self, features: Tensor, **options: Any) -> Tensor:
        """Generate with a key-value cache; return new tokens (n, t) without the start token."""
        raise NotImplementedError

    def _special(self, *names: str) -> int:
        for name in names:
            value = getattr(self.model.generation_config, name, None)
            if value is not None:
                return int(value[0] if isinstance(value, list) else value)
        raise ValueError(f"the model's generation_config has none of {names}")


def family_of(model_type: str) -> type[ImageToTextFamily]:
    """Return the family of a transformers model type.

    Raises:
        ValueError: there is no file for it here.
    """
    name = model_type.replace("-", "_")
    try:
        return importlib.import_module(f"lightning_modules.families.{name}").Family
    except ModuleNotFoundError as error:
        raise ValueError(
            f"no image-to-text family for {model_type!r}: add lightning_modules/families/{name}.py"
        ) from error

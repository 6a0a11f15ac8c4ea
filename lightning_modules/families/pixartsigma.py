"""PixArt-sigma (2403.04692): PixArt-alpha with longer prompts and another autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lightning_modules.families import pixartalpha


class Family(pixartalpha.Family):
    """Sizes are not told to the model."""

    lengths: ClassVar[Mapping[str, int]] = {"text_encoder": 300}

"""What judges share that nothing here ever trains: frozen weights, and features batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from lightning_modules import memory
from lightning_modules.fitting.devices import device
from lightning_modules.fitting.precision import as_loaded

#: How pictures are given to an image processor: of one that is a pixel or three high it would guess otherwise.
LAST = {"input_data_format": "channels_last"}


@as_loaded
def embed(judge: Any, n: int, width: int, features: Callable[[slice], Tensor]) -> np.ndarray:
    """Return what `features` says of n inputs, asked part by part in batches of the judge, as (n, width) float32.

    A batch that there is no memory for is halved.
    """
    judge.eval().to(device())
    parts = memory.in_parts("features", n, judge.batch_size, lambda part: features(part).float().cpu())
    return torch.cat(parts).numpy() if parts else np.zeros((0, width), np.float32)


class FrozenJudge(nn.Module):
    """A network that embeds images or captions and takes no gradient.

    Subclasses are found by class path and declare as class-level literals, which planning reads from source:

    - `version`: raised whenever a feature can change;
    - `reads`: what a folder of weights must hold, see `lightning_modules.weights.sources.check_contents`;
    - `embeds`: "images", "captions" or both: there is an `embed_images` or an `embed_texts` for it.

    Attributes:
        batch_size: inputs embedded at once; changes no feature beyond rounding.
        loaded_as: what the weights are held in, "float32" or "bfloat16".
    """

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self.batch_size, self.loaded_as = batch_size, "float32"

    def frozen(self, dtype: str) -> Self:
        """Freeze the weights and note what they are held in."""
        self.loaded_as = dtype
        return self.requires_grad_(False).eval()

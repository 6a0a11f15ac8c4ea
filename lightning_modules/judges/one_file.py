"""Judges of images whose weights are one published file, read by the names of its modules, saved as safetensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lightning_modules.fitting.devices import device
from lightning_modules.judges.frozen import FrozenJudge, embed
from lightning_modules.weights import loading


class OneFileJudge(FrozenJudge):
    """A network in one file; `reads` names the published file and the one that `save` writes.

    Subclasses declare `network`, which makes it without weights, and `width`, the numbers of a feature.
    """

    reads: ClassVar[tuple[str, str, tuple[str, ...]]]
    embeds: ClassVar[tuple[str, ...]] = ("images",)
    network: ClassVar[Callable[[], nn.Module]]
    width: ClassVar[int]

    def __init__(self, model: Any = None, batch_size: int = 64) -> None:
        """Wrap a network (an untrained one by default); `batch_size` is for embedding."""
        super().__init__(batch_size)
        self.model = type(self).network() if model is None else model

    @classmethod
    def load(cls, folder: Path, dtype: str = "float32") -> Self:
        """Read the published weights, or what `save` wrote where that is there.

        Other weights than this network's, name by name and shape by shape, are a RuntimeError.
        """
        own = Path(folder) / cls.reads[2][0]
        state = load_file(own) if own.is_file() else torch.load(Path(folder) / cls.reads[0], weights_only=True)
        with torch.device("meta"):  # no time for random weights that are overwritten anyway
            model = cls.network()
        # Counters of batches seen, which frozen norms never read, are in some copies of the weights and not in others.
        counters = {k: torch.tensor(0) for k in model.state_dict() if k.endswith("num_batches_tracked")}
        model.load_state_dict({**counters, **state}, strict=True, assign=True)
        return cls(model.to(loading.stored(folder, dtype))).frozen(dtype)

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        own = Path(folder) / self.reads[2][0]
        part = own.with_name(f"{own.name}.part")  # the weights may be a view of the file that is replaced
        save_file({k: v.contiguous() for k, v in self.model.state_dict().items()}, part)
        part.replace(own)

    def embed_images(self, images: np.ndarray) -> np.ndarray:
        """Embed images (n, H, W, 3) uint8 as (n, width) float32."""

        def features(part: slice) -> Tensor:
            return self.features(torch.from_numpy(np.ascontiguousarray(images[part])).to(device()))

        return embed(self, len(images), self.width, features)

    def features(self, pixels: Tensor) -> Tensor:
        """Map pixels (n, H, W, 3) uint8 to features (n, width)."""
        raise NotImplementedError

"""Results of frozen networks, kept by what they were made from."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import nn

from lightning_modules.families.text_to_image import Tensors


class ContentCache:
    """Keeps what was encoded, the least recently used goes first.

    A whole batch is the unit. How numbers round depends on what is computed side by side, so a result put together
    from several earlier batches could differ in its last bit from one made afresh, and images with it; a cache must
    not decide bytes.

    Attributes:
        limit: bytes of tensors that are kept at most; 0 = nothing is kept.
        size: bytes of tensors that are kept.
    """

    def __init__(self, limit: int = 2**30) -> None:
        self.limit, self.size = limit, 0
        self._kept: OrderedDict[bytes, Tensors] = OrderedDict()

    def get(self, content: Iterable[bytes], networks: Sequence[nn.Module], make: Callable[[], Tensors]) -> Tensors:
        """Return what `make` returns, by memory if it was made before from this content by these frozen networks.

        `content` is all that the result depends on besides their weights. A remembered result is on the CPU; none is to
        be changed in place.
        """
        key = hashlib.sha256(fingerprint(networks))
        for piece in content:
            key.update(hashlib.sha256(piece).digest())
        name = key.digest()
        if name in self._kept:
            self._kept.move_to_end(name)
            return dict(self._kept[name])
        made = make()
        # Outside of inference mode, so that what sampling has made can serve training.
        with torch.inference_mode(False), torch.no_grad():
            kept = {part: value.detach().clone().cpu() for part, value in made.items()}
        size = _bytes(kept)
        if size <= self.limit:
            self._kept[name] = kept
            self.size += size
        while self.size > self.limit:
            self.size -= _bytes(self._kept.popitem(last=False)[1])
        return made

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self.size = 0


def fingerprint(networks: Sequence[nn.Module]) -> bytes:
    """Return a few bytes of every parameter: weights that were trained, loaded or merged are other weights."""
    first = [
        p.detach().as_strided((min(8, p.numel()),), (1,), p.storage_offset()).float()
        for network in networks
        for p in network.parameters()
    ]
    return torch.cat(first).cpu().numpy().tobytes() if first else b""


def _bytes(tensors: Tensors) -> int:
    return sum(value.nbytes for value in tensors.values())

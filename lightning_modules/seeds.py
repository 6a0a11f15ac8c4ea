"""Random numbers that belong to a sample or to a step, never to a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_MASK = (1 << 63) - 1


def derive(*parts: int | str) -> int:
    """Return a 63-bit seed that depends on every part and on their order."""
    digest = hashlib.sha256("/".join(str(int(p)) if not isinstance(p, str) else p for p in parts).encode()).digest()
    return int.from_bytes(digest[:8], "little") & _MASK


def streams_of(seeds: np.ndarray | Sequence[int]) -> list[torch.Generator]:
    """Return one CPU generator per sample; sample i draws from seeds[i] alone."""
    return [torch.Generator("cpu").manual_seed(int(seed) & _MASK) for seed in seeds]


def gaussian(streams: Sequence[torch.Generator], shape: Sequence[int]) -> Tensor:
    """Return standard normal noise (len(streams), *shape), row i drawn from streams[i]."""
    return torch.stack([torch.randn(tuple(shape), generator=stream) for stream in streams])


def gumbel(streams: Sequence[torch.Generator], size: int, rows: Sequence[int] | None = None) -> Tensor:
    """Return standard Gumbel noise (len(streams), size), row i drawn from streams[i].

    With `rows`, the others are 0 and their streams stay where they are.
    """
    noise = torch.zeros(len(streams), size)
    for row in range(len(streams)) if rows is None else rows:
        noise[row].exponential_(generator=streams[row]).log_().neg_()
    return noise

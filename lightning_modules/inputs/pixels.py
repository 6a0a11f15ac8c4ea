"""Images between bytes and network input."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from datamodules.images import Images, taken


def to_unit(images: np.ndarray) -> Tensor:
    """Turn images (n, H, W, 3) uint8 into (n, 3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def to_bytes(images: Tensor) -> np.ndarray:
    """Turn images (n, 3, H, W) in [-1, 1], clipped, into (n, H, W, 3) uint8."""
    return images.float().add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def side_by_side(prepare: Callable[[np.ndarray], Tensor], images: np.ndarray) -> Tensor:
    """Prepare images, which processors go through one by one, on as many threads as torch has, with equal results."""
    threads = min(torch.get_num_threads(), len(images))
    if threads < 2:
        return prepare(images)
    with ThreadPoolExecutor(threads) as pool:
        return torch.cat(list(pool.map(prepare, np.array_split(images, threads))))


def distinct(images: np.ndarray) -> tuple[np.ndarray, Tensor]:
    """Return the different ones of n images, and for each its row among them (n,) int64; n = 0 is a ValueError.

    Pictures that lie in files are told apart by their PNGs and not decoded here.
    """
    if not len(images):
        raise ValueError("nothing to fit on: the set of pairs is empty")
    if isinstance(images, Images):
        keys = images.digests()
    else:
        keys = [hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in images]
    first = {key: i for i, key in reversed(list(enumerate(keys)))}
    order = {key: place for place, key in enumerate(sorted(first, key=first.__getitem__))}
    chosen = sorted(first.values())
    return taken(images, np.array(chosen)), torch.tensor([order[key] for key in keys])

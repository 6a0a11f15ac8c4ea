"""Images between bytes and network input."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_unit(images: np.ndarray) -> Tensor:
    """Turn images (n, H, W, 3) uint8 into (n, 3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def to_bytes(images: Tensor) -> np.ndarray:
    """Turn images (n, 3, H, W) in [-1, 1], clipped, into (n, H, W, 3) uint8."""
    return images.float().add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()

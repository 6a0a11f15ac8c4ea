"""Pictures as PNG, which loses nothing. Each is counted: at full size they are the dearest thing but the models."""

from __future__ import annotations

import io
import threading

import numpy as np

#: Deflate level: higher ones cost many times the time for a tenth of the size.
_LEVEL = 1


class _Counts(threading.local):
    """Pictures encoded and decoded by this thread since they were last forgotten."""

    encoded = decoded = 0


_counts = _Counts()


def encode(image: np.ndarray) -> bytes:
    """Return the PNG of an (H, W, 3) uint8 image."""
    from PIL import Image

    _counts.encoded += 1
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=_LEVEL)
    return buffer.getvalue()


def decode(content: bytes) -> np.ndarray:
    """Return the (H, W, 3) uint8 image of a PNG; damage is Pillow's OSError."""
    from PIL import Image

    _counts.decoded += 1
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)


def counted() -> dict[str, int]:
    """Return how many pictures this thread has encoded and decoded since `forget_counts`."""
    return {"encoded": _counts.encoded, "decoded": _counts.decoded}


def forget_counts() -> None:
    """Count from zero in this thread."""
    _counts.encoded = _counts.decoded = 0

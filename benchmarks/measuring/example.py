"""Four small sets of drawn scenes to try `measure` on: `python -m benchmarks.measuring.example FOLDER`.

`real` and `fresh` are scenes as they are, `grey` has lost its colours, and half the captions of `opening` begin alike.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measuring.pictures import LUMA
from datamodules.scenes.dataset import Scenes
from records.errors import UsageError
from records.files import write_text

N = 800


def put(
    folder: Path,
    items: np.ndarray,
    caption: Callable[[int, str], str] = lambda _, text: text,
    picture: Callable[[np.ndarray], np.ndarray] = lambda pixels: pixels,
) -> Path:
    """Write training items of the scenes as an image folder, each caption and picture changed as one likes."""
    data = Scenes(domain="shapes", seed=0)
    folder.mkdir(parents=True)
    lines = []
    for k, (texts, pixels) in enumerate(zip(data.captions("train", items), data.images("train", items), strict=True)):
        Image.fromarray(picture(pixels)).save(folder / f"{k:05d}.png")
        lines.append(json.dumps({"file_name": f"{k:05d}.png", "text": [caption(k, text) for text in texts]}))
    write_text(folder / "metadata.jsonl", "\n".join(lines) + "\n")
    return folder


def grey(pixels: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 without its colours."""
    return np.repeat((pixels @ LUMA).round().astype(np.uint8)[..., None], 3, axis=2)


def main(folder: Path) -> None:
    """Write the four sets.

    Raises:
        UsageError: The folder is there.
    """
    if folder.exists():
        raise UsageError(f"{folder}: found something there; allowed: a new folder")
    order = np.random.default_rng(0).permutation(20_000)
    put(folder / "real", order[: 2 * N])
    put(folder / "fresh", order[2 * N : 3 * N])
    put(folder / "grey", order[3 * N : 4 * N], picture=grey)
    put(folder / "opening", order[4 * N : 5 * N], caption=lambda k, text: f"this image shows {text}" if k % 2 else text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""COCO captions as downloaded, split by Karpathy's file (1412.2306); images are read when asked for.

The folder holds `dataset_coco.json` and the image folders `train2014/` and `val2014/`. Sizes are declared, so a
study can be planned where the data is not.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from datamodules.scenes.hashing import Draws

#: Our split -> the Karpathy splits that it draws from. Those that draw from the same take disjoint slices.
SOURCES = {
    "prompts": ("train", "restval"), "reserve": ("train", "restval"), "train": ("train", "restval"),
    "evaluation": ("test",), "floor": ("val",),
}  # fmt: skip
#: Images per Karpathy split in the published file.
AVAILABLE = {"train": 82783, "restval": 30504, "val": 5000, "test": 5000}


class CocoCaptions:
    """COCO images with their human captions.

    Args:
        root: Folder of the download; where it lies is not part of the identity.
        sizes: Items of each split.
        resolution: Side in pixels of the centre-cropped square that images are scaled to.
        seed: Of the order in which images are taken.

    Raises:
        ValueError: When a split is unknown or larger than what there is.
    """

    version: ClassVar[int] = 1
    oracle = None

    def __init__(self, root: str, sizes: dict[str, int], resolution: int = 512, seed: int = 0):
        self.root, self.sizes, self.resolution, self.seed = Path(root).expanduser(), dict(sizes), resolution, seed
        taken: dict[tuple[str, ...], int] = {}
        self._start: dict[str, int] = {}
        for split, size in self.sizes.items():
            if split not in SOURCES:
                raise ValueError(f"sizes: found split {split!r}; allowed: {', '.join(SOURCES)}")
            source = SOURCES[split]
            self._start[split] = taken.get(source, 0)
            taken[source] = self._start[split] + size
            most = sum(AVAILABLE[s] for s in source)
            if taken[source] > most:
                raise ValueError(f"sizes: {split}: found {size}; {source} holds {most} images for all its splits")

    @property
    def identity(self) -> dict[str, Any]:
        """What enters a key."""
        return {"sizes": self.sizes, "resolution": self.resolution, "seed": self.seed}

    def missing(self) -> str | None:
        """Say what is not there, or None."""
        for name in ("dataset_coco.json", "train2014", "val2014"):
            if not (self.root / name).exists():
                return (
                    f"{self.root / name} is missing; allowed: a folder with dataset_coco.json, train2014/ and val2014/"
                )
        return None

    @cached_property
    def _entries(self) -> dict[str, list[dict[str, Any]]]:
        listed = json.loads((self.root / "dataset_coco.json").read_text(encoding="utf-8"))["images"]
        chosen = {}
        for split, size in self.sizes.items():
            entries = sorted((e for e in listed if e["split"] in SOURCES[split]), key=lambda e: e["cocoid"])
            places = Draws(self.seed, ("coco",), np.arange(len(entries))).bits("order")
            order = np.argsort(places, kind="stable")[self._start[split] : self._start[split] + size]
            chosen[split] = [entries[i] for i in order]
        return chosen

    def images(self, split: str, index: np.ndarray) -> np.ndarray:
        """Return (n, resolution, resolution, 3) uint8, scaled by the short side and centre-cropped."""
        from PIL import Image, ImageOps

        pictures = []
        for i in np.asarray(index):
            entry = self._entries[split][i]
            with Image.open(self.root / entry["filepath"] / entry["filename"]) as picture:
                upright = ImageOps.exif_transpose(picture).convert("RGB")
            square = ImageOps.fit(upright, (self.resolution, self.resolution), Image.Resampling.BICUBIC)
            pictures.append(np.asarray(square))
        return np.stack(pictures)

    def captions(self, split: str, index: np.ndarray) -> list[tuple[str, ...]]:
        """Return the human captions of each image, five or more, in their order."""
        return [tuple(s["raw"].strip() for s in self._entries[split][i]["sentences"]) for i in np.asarray(index)]

    def attributes(self, split: str, index: np.ndarray) -> None:
        """COCO has no attributes that are known exactly."""
        return None

"""A testbed whose models take no time: what is left of a study is pictures, features and the memory they need.

Pictures are blocks of colour under a band of noise, so that PNGs of 1024 x 1024 have a size worth reading and are
still encoded in milliseconds. What a model makes depends on seeds alone, or on the pictures that it is given.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from benchmarks.seeds import sample_seeds, step_seed
from lightning_modules.fitting.contracts import FitReport, Generated

SPLITS = ("train", "prompts", "reserve", "evaluation", "floor")
WORDS = ("red", "green", "blue", "small", "large", "round", "flat", "old", "new", "far", "near", "dark")
#: Blocks of colour along a side; and what part of the rows is noise, which no PNG makes smaller.
BLOCKS, NOISE = 16, 16


def drawn(seeds: np.ndarray, side: int) -> np.ndarray:
    """Return one picture a seed, (n, side, side, 3) uint8."""
    images = np.empty((len(seeds), side, side, 3), np.uint8)
    for image, seed in zip(images, seeds.tolist(), strict=True):
        rng = np.random.default_rng(seed)
        blocks = rng.integers(0, 256, (BLOCKS, BLOCKS, 3), np.uint8)
        image[:] = blocks.repeat(side // BLOCKS, 0).repeat(side // BLOCKS, 1)
        image[: side // NOISE] = rng.integers(0, 256, (side // NOISE, side, 3), np.uint8)
    return images


def said(numbers: np.ndarray) -> list[str]:
    """Return a sentence of five words for each whole number."""
    base = len(WORDS)
    return ["a " + " ".join(WORDS[int(n) // base**place % base] for place in range(5)) for n in numbers]


class InstantData:
    """Pictures with six captions each; any number of items a split."""

    name: ClassVar[str] = "instant_data"
    version: ClassVar[int] = 1
    oracle = None

    def __init__(self, items: int = 64, resolution: int = 64) -> None:
        if resolution % BLOCKS or resolution < BLOCKS:
            raise ValueError(f"resolution: found {resolution}; allowed: a multiple of {BLOCKS}")
        self.resolution, self.sizes = resolution, dict.fromkeys(SPLITS, items)

    def images(self, split: str, index: np.ndarray) -> np.ndarray:
        """Return (n, resolution, resolution, 3) uint8."""
        return drawn(sample_seeds(step_seed(0, split, 0), np.asarray(index)), self.resolution)

    def captions(self, split: str, index: np.ndarray) -> list[tuple[str, ...]]:
        """Return six captions an item."""
        each = [said(sample_seeds(step_seed(0, split, k), np.asarray(index))) for k in range(1, 7)]
        return list(zip(*each, strict=True))

    def attributes(self, split: str, index: np.ndarray) -> None:
        """Nothing is known of the pictures."""
        return None


class _Instant:
    """A model without weights: its arguments are all that it is."""

    version: ClassVar[int] = 1
    batch_size = 8

    def __init__(self, **arguments: int) -> None:
        self.arguments = arguments

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls(**json.loads((Path(folder) / "model.json").read_text(encoding="utf-8")))

    def save(self, folder: Path) -> None:
        """Write the arguments."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / "model.json").write_text(json.dumps(self.arguments), encoding="utf-8")

    def fit_pairs(self, pairs: Any, settings: Any, seed: int, objective: Any = None, progress: Any = None) -> FitReport:
        """Look at every picture once, a batch at a time, as models do that encode before they train."""
        brightness = [
            float(pairs.images[i : i + self.batch_size].mean()) for i in range(0, len(pairs), self.batch_size)
        ]
        samples = settings.steps * settings.batch_size
        return FitReport(settings.steps, samples, samples, brightness)


class InstantGenerator(_Instant):
    """Draws what the seed says."""

    name: ClassVar[str] = "instant_generator"
    modality: ClassVar[str] = "generator"

    def __init__(self, side: int = 64) -> None:
        super().__init__(side=side)

    def generate(self, inputs: Sequence[str], decoding: Any, seeds: np.ndarray, progress: Any = None) -> Generated:
        """Draw one picture a prompt."""
        return Generated(drawn(seeds, self.arguments["side"]), len(inputs) * decoding.evaluations)


class InstantCaptioner(_Instant):
    """Says how bright a picture is."""

    name: ClassVar[str] = "instant_captioner"
    modality: ClassVar[str] = "captioner"

    def generate(self, inputs: np.ndarray, decoding: Any, seeds: np.ndarray, progress: Any = None) -> Generated:
        """Write one caption a picture, a batch at a time."""
        batches = (inputs[i : i + self.batch_size] for i in range(0, len(inputs), self.batch_size))
        sums = [batch.sum(axis=(1, 2, 3), dtype=np.int64) for batch in batches]
        return Generated(said(np.concatenate(sums)), len(inputs) * decoding.evaluations)


class InstantJudge(_Instant):
    """Embeds pictures by the colours of their blocks, captions by their words, in as many numbers as it is told."""

    name: ClassVar[str] = "instant_judge"
    embeds: ClassVar[tuple[str, ...]] = ("images", "captions")
    batch_size = 64

    def __init__(self, dims: int = 64) -> None:
        super().__init__(dims=dims)
        self.mix = np.random.default_rng(0).normal(0, 0.02, (BLOCKS * BLOCKS * 3, dims)).astype(np.float32)

    def embed_images(self, images: np.ndarray) -> np.ndarray:
        """Embed images (n, H, W, 3) uint8 as (n, dims) float32."""
        step = images.shape[1] // BLOCKS
        parts = (images[i : i + self.batch_size] for i in range(0, len(images), self.batch_size))
        seen = [part[:, step // 2 :: step, step // 2 :: step].reshape(len(part), -1) for part in parts]
        return np.cos(np.concatenate(seen).astype(np.float32) @ self.mix)

    def embed_texts(self, captions: Sequence[str]) -> np.ndarray:
        """Embed n captions as (n, dims) float32."""
        known = {word: np.random.default_rng(i).normal(size=self.arguments["dims"]) for i, word in enumerate(WORDS)}
        nothing = np.zeros(self.arguments["dims"])
        return np.array([sum((known.get(w, nothing) for w in c.split()), nothing) for c in captions], np.float32)

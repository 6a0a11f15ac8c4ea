"""Models of microseconds behind the real contracts, for loops over data sets from files."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from lightning_modules.fitting.contracts import FitReport, Generated


class Toy:
    """Learns the mean image of its pool, and its captions."""

    version: ClassVar[int] = 1

    def __init__(self) -> None:
        self.mean, self.texts = 128.0, ["a toy"]

    def fit_pairs(self, pairs: Any, settings: Any, seed: int, objective: Any = None, progress: Any = None) -> FitReport:
        self.mean, self.texts = float(pairs.images.mean()), sorted(set(pairs.captions))
        return FitReport(settings.steps, len(pairs), 0, [0.0])


class Captioner(Toy):
    modality: ClassVar[str] = "captioner"

    def generate(self, inputs: Any, decoding: Any, seeds: np.ndarray, progress: Any = None) -> Generated:
        return Generated([self.texts[int(seed) % len(self.texts)] for seed in seeds], len(seeds))


class Generator(Toy):
    modality: ClassVar[str] = "generator"

    def generate(self, inputs: Any, decoding: Any, seeds: np.ndarray, progress: Any = None) -> Generated:
        noise = [np.random.default_rng(int(seed)).normal(self.mean, 30, (8, 8, 3)) for seed in seeds]
        return Generated(np.clip(noise, 0, 255).astype(np.uint8), len(seeds))


class Judge:
    version: ClassVar[int] = 1

    def embed_images(self, images: np.ndarray) -> np.ndarray:
        return images.reshape(len(images), -1)[:, :4].astype(np.float32) / 255 + 0.1

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        return np.array([[len(t), t.count("a"), t.count(" "), 1.0] for t in texts], np.float32)

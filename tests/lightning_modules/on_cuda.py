"""Fits, saves and samples models on an accelerator that is pretended; says in JSON what went wrong, by name.

python -m tests.lightning_modules.on_cuda sdxl blip_2_opt autoencoder
"""

from __future__ import annotations

import json
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import torch

from datamodules.pairs import Pairs
from lightning_modules.architectures import autoencoder
from lightning_modules.architectures.parts import Given
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.fitting import runner
from lightning_modules.settings import CaptionDecoding, FitSettings, ImageDecoding, Lora
from tests.lightning_modules import tiny_captioners, tiny_generators
from tests.pretended_cuda import pretended_cuda

N = 4
SEEDS = np.arange(N, dtype=np.uint64)
FITS = (FitSettings(2, 1e-3, 3), FitSettings(2, 1e-3, 3, lora=Lora(2, 2.0)))


def _pairs(images: np.ndarray, captions: list[str]) -> Pairs:
    texts = tuple(captions[:N])
    return Pairs(ids=np.arange(N), images=images[:N], captions=texts, prompts=texts, origin=np.zeros(N, int))


def generator(name: str, folder: Path) -> None:
    """Train a generator wholly and as an adapter, save it, and draw with what was saved."""
    tiny_generators.make(name).save_pretrained(folder / "base")
    side = tiny_generators.SIZE
    pairs = _pairs(np.zeros((N, side, side, 3), np.uint8), list(tiny_generators.CAPTIONS))
    for number, settings in enumerate(FITS):
        module = tiny_generators.load(folder / "base", name)
        module.fit_pairs(pairs, settings, 0)
        module.generate(pairs.captions, ImageDecoding(steps=2, guidance=2.0), SEEDS)
        module.save(folder / str(number))
        again = tiny_generators.load(folder / str(number), name)
        again.generate(pairs.captions, ImageDecoding(steps=2, guidance=2.0), SEEDS)


def captioner(name: str, folder: Path) -> None:
    """Train a captioner wholly and as an adapter, save it, and write with what was saved, in every way."""
    tiny_captioners.make(name, folder / "base")
    pairs = _pairs(tiny_captioners.images(N), list(tiny_captioners.CAPTIONS))
    for number, settings in enumerate(FITS):
        module = CaptionerModule.load(folder / "base")
        module.fit_pairs(pairs, settings, 0)
        module.save(folder / str(number))
        again = CaptionerModule.load(folder / str(number))
        for decoding in (CaptionDecoding(), CaptionDecoding(temperature=1.0, best_of=2), CaptionDecoding(beams=2)):
            again.generate(pairs.images, decoding, SEEDS)


def latents(name: str, folder: Path) -> None:
    """Train an autoencoder, give its latents their unit, then its decoder alone."""
    module = autoencoder.build(Given((), 32, folder), channels=(8, 8, 8), latents=4)
    images = np.zeros((N, 32, 32, 3), np.uint8)
    for _ in range(2):
        data = module.encode(images)
        runner.fit(module, data, FITS[0], 0)
        module.finish(data)
        module.reconstruct(images)
        module.freeze_latents(0.05)


def main(names: list[str]) -> dict[str, str]:
    """Return what went wrong, by name; "" where nothing did."""
    found = {}
    works: dict[str, Any] = dict.fromkeys(tiny_generators.FAMILIES, generator)
    works |= dict.fromkeys(tiny_captioners.TINY, captioner) | {"autoencoder": latents}
    for name in names or list(works):
        with tempfile.TemporaryDirectory() as folder, pretended_cuda():
            try:
                works[name](name, Path(folder))
                found[name] = ""
            except Exception:
                found[name] = traceback.format_exc()
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(main(sys.argv[1:])))

"""Our side of the training rows, the same for captioner and generator, and the settings that both sides train with."""

from __future__ import annotations

from typing import Any

from datamodules.pairs import Pairs
from lightning_modules.settings import FitSettings, Lora
from lightning_modules.speed.measure import Laps, Work

RANK, RATE, SKIPPED = 16, 1e-4, 2
#: Of training samples, how many take an encoding of their own: paper_full draws 6,400 from 2,000 pairs.
SHARE = 2_000 / 6_400


def our_fit(module: Any, pairs: Pairs, steps: int, encoding: float, batch: int) -> Work:
    """Train an adapter for a few steps after the warm-up; every sample bears its share of the encoding.

    Args:
        module: a `CaptionerModule` or a `GeneratorModule`.
        pairs: what it is trained on.
        steps: optimizer steps that count.
        encoding: seconds that one pair takes to encode.
        batch: samples a step.
    """
    precision: Any = "bf16" if module.loaded_as == "bfloat16" else "32"
    settings = FitSettings(SKIPPED + steps, RATE, batch, weight_decay=1e-2, lora=Lora(RANK, RANK), precision=precision)
    laps = Laps(SKIPPED)
    module.fit_pairs(pairs, settings, 0, progress=laps)
    done = laps.work(batch)
    return Work(done.made, done.seconds + done.made * SHARE * encoding, done.warmup, done.steps)

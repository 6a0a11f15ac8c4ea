"""Both sides of the training rows, the same for captioner and generator, and the settings that they train with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from datamodules.pairs import Pairs
from lightning_modules.fitting.devices import device
from lightning_modules.settings import FitSettings, Lora
from lightning_modules.speed.measure import Laps, Work, now

RANK, RATE, SKIPPED = 16, 1e-4, 2
#: Of training samples, how many take an encoding of their own: paper_full draws 6,400 from 2,000 pairs.
SHARE = 2_000 / 6_400


def plain_fit(trained: list[Any], loss: Callable[[list[int]], Tensor], n: int, steps: int, batch: int) -> Work:
    """Train for so many steps of `batch` samples after the warm-up, as an example of a library does.

    `loss` is called with the numbers of some of n pairs.
    """
    optimizer, laps = torch.optim.AdamW(trained, lr=RATE), Laps(SKIPPED)
    for step in range(SKIPPED + steps):
        value = loss([(step * batch + i) % n for i in range(batch)])
        value.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        value.item()
        laps()
    return laps.work(batch)


def seconds_of_encoding(module: Any, warm: Pairs, pairs: Pairs) -> float:
    """Return the seconds that our module takes to encode one pair, once; those to warm up with are others."""
    module.to(device())
    module.batch_size = len(pairs)
    module.encode(warm.images, warm.captions)
    start = now()
    module.encode(pairs.images, pairs.captions)
    return (now() - start) / len(pairs)


def our_fit(module: Any, pairs: Pairs, steps: int, encoding: float, batch: int) -> Work:
    """Train a module's adapter for so many steps of `batch` samples after the warm-up.

    Every sample bears its share of the `encoding`, the seconds that one pair takes.
    """
    precision: Any = "bf16" if module.loaded_as == "bfloat16" else "32"
    settings = FitSettings(SKIPPED + steps, RATE, batch, weight_decay=1e-2, lora=Lora(RANK, RANK), precision=precision)
    laps = Laps(SKIPPED)
    module.fit_pairs(pairs, settings, 0, progress=laps)
    done = laps.work(batch)
    return Work(done.made, done.seconds + done.made * SHARE * encoding, done.warmup, done.steps)

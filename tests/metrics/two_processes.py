"""One of two processes that measure a part of the items each: run by test_caption_distributed."""

from __future__ import annotations

import itertools
import json
import sys
from datetime import timedelta

import numpy as np
import torch

from benchmarks.metrics.captions.diversity import CaptionDiversity
from benchmarks.metrics.captions.embedding import CaptionEmbedding
from benchmarks.metrics.captions.oracle import CaptionOracle
from benchmarks.metrics.captions.overlap import CaptionOverlap
from benchmarks.metrics.captions.rare_words import RareWords
from benchmarks.metrics.captions.variety import CaptionVariety
from benchmarks.metrics.variance import CaptionerVariance
from benchmarks.metrics.view import View
from datamodules.scenes.dataset import Scenes

FAMILIES = (
    CaptionOverlap, CaptionDiversity, CaptionVariety, RareWords, CaptionOracle, CaptionEmbedding, CaptionerVariance,
)  # fmt: skip
N = 240


def everything() -> View:
    scenes, index, rng = Scenes(sizes={"evaluation": N, "reserve": N}), np.arange(N), np.random.default_rng(0)
    six = scenes.captions("evaluation", index)
    return View(
        captions=[f"{texts[5].capitalize()}." for texts in six],
        references=[texts[:5] for texts in six],
        features=rng.normal(size=(N, 6)),
        real_caption_features=rng.normal(size=(N, 6)),
        attributes=scenes.attributes("evaluation", index),
        oracle=scenes.oracle,
        document_frequency=[texts[:5] for texts in scenes.captions("reserve", index)],
    )


def measured(parts: list[View]) -> dict[str, float]:
    """Values of every family; computed twice, to see that a process keeps its own items in between."""
    values: dict[str, float] = {}
    for make in FAMILIES:
        family = make()
        for part in parts[:-1]:
            family.update(part)
        if parts[:-1]:
            family.compute()
        family.update(parts[-1])
        values |= {f"{make.__name__}.{name}": float(value) for name, value in family.compute().items()}
    return values


def main(rank: int, rendezvous: str, out: str) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2, timeout=timedelta(minutes=5)
    )
    view = everything()
    bounds = ((0, 50, 90), (90, 100, N))[rank]
    values = measured([view.take(np.arange(a, b)) for a, b in itertools.pairwise(bounds)])
    silent = CaptionDiversity()  # of the second process no item comes
    if rank == 0:
        silent.update(view)
    values["silent"] = float(silent.compute()["word_entropy"])
    with open(out, "w", encoding="utf-8") as file:
        json.dump(values, file)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])

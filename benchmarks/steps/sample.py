"""Evaluation samples: captions of evaluation images, or images for evaluation captions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmarks.seeds import sample_seeds
from benchmarks.steps.step import Step, Work, reads
from datamodules.pairs import Pairs
from records.canonical import Spec
from records.names import Modality
from records.results import Cost

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext


@dataclass(frozen=True, eq=False, kw_only=True)
class Sample(Step):
    """What a model makes of the first n items of a split, `draws` times each, input-major."""

    kind: ClassVar[str] = "sample"
    version: ClassVar[int] = 1
    stays_with: ClassVar[str] = "samples"
    worker: ClassVar[str] = "model"
    data: Spec
    split: str
    modality: Modality
    n: int
    draws: int
    decoding: Any
    seed: int
    model: str = reads(default="")

    def run(self, context: RunContext) -> tuple[Pairs, Cost]:
        """Sample under the evaluation's own noise."""
        data = context.data(self.data)
        ids = np.repeat(np.arange(self.n), self.draws)
        draw = np.tile(np.arange(self.draws), self.n)
        seeds = sample_seeds(self.seed, ids, draw)
        model = context.model(self.model)
        if self.modality == "captioner":
            images = data.images(self.split, np.arange(self.n))[ids]
            made = model.generate(images, self.decoding, seeds, progress=context.progress)
            captions, prompts = tuple(made.outputs), ("",) * len(ids)
        else:
            asked = evaluation_prompts(data, self.split, self.n)
            captions = prompts = tuple(asked[i] for i in ids)
            made = model.generate(list(prompts), self.decoding, seeds, progress=context.progress)
            images = made.outputs
        origin = np.full(len(ids), -1, np.int16)  # made for measuring alone
        pairs = Pairs(
            ids=ids, images=images, captions=captions, prompts=prompts, origin=origin, draw=draw.astype(np.int16),
            source=(context.source(self.model),) * len(ids), seeds=seeds,
        )  # fmt: skip
        return pairs, Cost(network_evaluations=made.network_evaluations)

    def work(self) -> Work:
        """Return n x draws samples, each with the evaluations of the decoding."""
        samples = self.n * self.draws
        return Work(samples, samples * self.decoding.evaluations)

    @property
    def pictures(self) -> int:
        """One a sample of a generator."""
        return self.n * self.draws if self.modality == "generator" else 0


def evaluation_prompts(data: Any, split: str, n: int) -> list[str]:
    """Return the first human caption of the first n items: what every generator is asked for."""
    return [six[0] for six in data.captions(split, np.arange(n))]

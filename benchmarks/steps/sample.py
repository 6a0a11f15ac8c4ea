"""Evaluation samples: captions of evaluation images, or images for evaluation captions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmarks.seeds import sample_seeds
from benchmarks.steps.images import side_of
from benchmarks.steps.in_parts import captioned, drawn, nothing_yet, real_images
from benchmarks.steps.step import Step, Work, reads
from datamodules.images import Elsewhere, Images
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

        def make(inputs: Any, seeds: np.ndarray, progress: Any) -> Any:
            return model.generate(inputs, self.decoding, seeds, progress=progress)

        if self.modality == "captioner":
            images = real_images(data, self.split, ids)
            captions, evaluations = captioned(make, model, images, seeds, context.progress)
            prompts = [""] * len(ids)
            if isinstance(images, Images):  # whoever looks at them finds them where they are
                images = Images.of(Elsewhere(), images.shape[1:], ids)
        else:
            asked = evaluation_prompts(data, self.split, self.n)
            captions = prompts = [asked[i] for i in ids]
            images = nothing_yet(len(ids))
        origin = np.full(len(ids), -1, np.int16)  # made for measuring alone
        pairs = Pairs(
            ids=ids, images=images, captions=tuple(captions), prompts=tuple(prompts), origin=origin,
            draw=draw.astype(np.int16), source=(context.source(self.model),) * len(ids), seeds=seeds,
        )  # fmt: skip
        if self.modality == "generator":
            batch = getattr(model, "batch_size", 1)
            pairs, evaluations = drawn(context, pairs, make, seeds, side_of(data), batch)
        return pairs, Cost(network_evaluations=evaluations)

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

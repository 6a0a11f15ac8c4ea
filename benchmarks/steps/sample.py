"""Evaluation samples: captions of evaluation images, or images for evaluation captions.

Many samples may be made in parts, by several workers side by side. That is how a machine goes about it: the whole has
the key and the value that it has when one worker makes it, since all noise of a sample is its own, and parts begin
where batches do.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmarks.seeds import sample_seeds
from benchmarks.steps.images import side_of
from benchmarks.steps.in_parts import captioned, drawn, nothing_yet, real_images
from benchmarks.steps.step import Step, Work, aside, reads
from datamodules.images import Elsewhere, Images
from datamodules.pairs import Pairs
from lightning_modules import memory
from records.canonical import Spec
from records.names import Modality
from records.results import Cost

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext


@dataclass(frozen=True, eq=False, kw_only=True)
class Sample(Step):
    """What a model makes of the first n items of a split, `draws` times each, input-major.

    Attributes:
        parts: Keys of the steps that make it part by part, in order; () = it is made here. They enter no key.
    """

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
    parts: tuple[str, ...] = aside(default=())

    @cached_property
    def parents(self) -> tuple[str, ...]:
        """The model, and the parts where there are any."""
        return (*self.inputs.values(), *self.parts)  # type: ignore[arg-type]

    def shared_out(self, size: int) -> tuple[Sample, list[SamplePart]]:
        """Return this very step, put together from parts of `size` samples, and these parts."""
        mine = {f.name: getattr(self, f.name) for f in fields(Sample) if f.name != "parts"}
        total = self.n * self.draws
        rows = [(start, min(start + size, total)) for start in range(0, total, size)]
        made = [SamplePart(**mine, rows=each, whole=self.key) for each in rows]
        whole = copy.copy(self)
        whole.__dict__.pop("parents", None)
        whole.__dict__["parts"] = tuple(part.key for part in made)
        return whole, made

    def run(self, context: RunContext) -> tuple[Pairs, Cost]:
        """Sample under the evaluation's own noise, or put parts of that together."""
        return self._joined(context) if self.parts else self._made(context, slice(0, self.n * self.draws))

    def _joined(self, context: RunContext) -> tuple[Pairs, Cost]:
        """Return what the parts hold, as one file where they are files, and all that they cost."""
        records = [context.store.record(key) for key in self.parts]
        pairs = context.pool(self.parts)
        if isinstance(pairs.images, Images) and self.modality == "generator":
            folder = context.spool()
            pairs = pairs.with_(images=np.asarray(pairs.images)) if folder is None else pairs.gathered(folder)
        for record in records:
            memory.learn(record.execution.get("at_once", {}))
        sums = {f.name: sum(getattr(record.cost, f.name) for record in records) for f in fields(Cost)}
        return pairs, Cost(**sums)

    def _made(self, context: RunContext, rows: slice) -> tuple[Pairs, Cost]:
        data = context.data(self.data)
        ids = np.repeat(np.arange(self.n), self.draws)[rows]
        draw = np.tile(np.arange(self.draws), self.n)[rows]
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


@dataclass(frozen=True, eq=False, kw_only=True)
class SamplePart(Sample):
    """Some of the samples of an evaluation; it is of no plan, and goes when the whole is there.

    Attributes:
        rows: The first of them, and the one behind the last.
        whole: The key of all of them.
    """

    kind: ClassVar[str] = "sample_part"
    version: ClassVar[int] = Sample.version  # parts that a killed run left are never put into a newer whole
    rows: tuple[int, int]
    whole: str = aside(default="")

    @property
    def part_of(self) -> str:
        """All of them."""
        return self.whole

    def run(self, context: RunContext) -> tuple[Pairs, Cost]:
        """Make these samples, as they are among all."""
        return self._made(context, slice(*self.rows))

    def work(self) -> Work:
        """Return what falls to these samples."""
        samples = self.rows[1] - self.rows[0]
        return Work(samples, samples * self.decoding.evaluations)

    @property
    def label(self) -> str:
        """What people call it."""
        return f"{self.where} t={self.iteration} sample {self.rows[0]}-{self.rows[1] - 1}"


def evaluation_prompts(data: Any, split: str, n: int) -> list[str]:
    """Return the first human caption of the first n items: what every generator is asked for."""
    return [six[0] for six in data.captions(split, np.arange(n))]

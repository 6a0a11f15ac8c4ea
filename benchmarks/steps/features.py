"""One judge pass over samples (and draws), or over both sides of a training set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmarks.seeds import permutation
from benchmarks.steps.in_parts import embedded_images
from benchmarks.steps.step import Step, Work, reads
from benchmarks.study.world import KINDS
from datamodules.pairs import Pairs
from records.results import Cost

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext


@dataclass(frozen=True, eq=False, kw_only=True)
class Features(Step):
    """What a judge sees; one pass serves every metric.

    Attributes:
        modality: Captioner, generator, or set.
        n: Pairs of a set that are measured at most.
        seed: Which they are.
        judge: The judge.
        sample: What is looked at, of a model.
        draws: Several samples of each of some inputs, if the suite makes them.
        pool: What is looked at, of a set.
    """

    kind: ClassVar[str] = "features"
    version: ClassVar[int] = 1
    worker: ClassVar[str] = "judge"
    modality: str
    n: int | None = None
    seed: int | None = None
    judge: str = reads(default="")
    sample: str | None = reads(default=None)
    draws: str | None = reads(default=None)
    pool: str | None = reads(default=None)

    def run(self, context: RunContext) -> tuple[dict[str, np.ndarray], Cost]:
        """Embed."""
        judge = context.model(self.judge)
        if self.pool is not None:
            return self._of_set(judge, context.store.get(self.pool)), Cost()
        value = {"features": self._embed(judge, context.store.get(str(self.sample)))}
        if self.draws is not None:
            drawn = context.store.get(self.draws)
            inputs = len(np.unique(drawn.ids))
            value["draws"] = self._embed(judge, drawn).reshape(inputs, len(drawn) // inputs, -1)
        return value, Cost()

    def _embed(self, judge: Any, pairs: Pairs) -> np.ndarray:
        if self.modality == "captioner":
            return text_features(judge, pairs.captions)
        return embedded_images(judge, pairs.images)

    def _of_set(self, judge: Any, pool: Pairs) -> dict[str, np.ndarray]:
        assert self.n is not None
        assert self.seed is not None
        pool, value = measured_part(pool, self.n, self.seed), {}
        if "images" in embedded(judge):
            value["features"] = embedded_images(judge, pool.images)
        if "captions" in embedded(judge):
            value["paired"] = text_features(judge, pool.captions)
        return value

    def work(self) -> Work:
        """Return n, known of sets alone."""
        return Work(self.n or 0)


def embedded(judge: Any) -> tuple[str, ...]:
    """Return what a judge embeds; one that does not say embeds both."""
    return getattr(judge, "embeds", KINDS)


def text_features(judge: Any, texts: Iterable[str]) -> np.ndarray:
    """Return (n, d) features of n texts, each in the one form that every metric reads."""
    from benchmarks.metrics.texts import clean

    return judge.embed_texts([clean(text) for text in texts])


def measured_part(pool: Pairs, n: int, seed: int) -> Pairs:
    """Return at most n pairs of a pool, chosen by the evaluation seed: a pool that grows is measured at equal n."""
    return pool if len(pool) <= n else pool.take(np.sort(permutation(seed, len(pool))[:n]))

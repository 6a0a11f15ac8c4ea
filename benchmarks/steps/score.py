"""A scorer's embeddings of a pool; a scorer is never a judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from benchmarks.steps.in_parts import embedded_images
from benchmarks.steps.order import in_order
from benchmarks.steps.step import Keys, Step, reads
from records.results import Cost

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext


@dataclass(frozen=True, eq=False, kw_only=True)
class Score(Step):
    """What a scorer sees in a pool, `new`, which may be real pairs as well."""

    kind: ClassVar[str] = "score"
    version: ClassVar[int] = 1
    stays_with: ClassVar[str] = "pools"
    worker: ClassVar[str] = "scorer"
    new: Keys = reads()
    scorer: str = reads()

    def run(self, context: RunContext) -> tuple[dict[str, np.ndarray], Cost]:
        """Embed images and captions, by draw and then by id."""
        pool = in_order(context.pool(self.new), None)
        scorer = context.model(self.scorer)
        value = {
            "ids": pool.ids,
            "images": embedded_images(scorer, pool.images),
            "captions": scorer.embed_texts(list(pool.captions)),
        }
        return value, Cost(network_evaluations=2 * len(pool), real_samples=int(np.sum(pool.origin == 0)))

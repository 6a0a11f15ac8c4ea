"""The pool that is trained on: chosen, mixed and weighted by the method, or as it comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from benchmarks.steps.items import ItemStep
from benchmarks.steps.order import in_order
from benchmarks.steps.step import Keys, Work, reads
from datamodules.pairs import Pairs
from records.errors import StepError
from records.results import Cost

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext


@dataclass(frozen=True, eq=False, kw_only=True)
class Curate(ItemStep):
    """The choice of an iteration's pairs. Without items where nothing synthetic is read: real pairs have an order.

    Attributes:
        n: Items of the iteration.
        size: Pairs that it returns, as planned.
        seed: Of the method's choices; None where it only reads real pairs.
        new: The raw pool, where it is read.
    """

    kind: ClassVar[str] = "curate"
    version: ClassVar[int] = 1
    stays_with: ClassVar[str] = "pools"
    n: int
    size: int
    seed: int | None = None
    new: Keys | None = reads(default=None)

    def run(self, context: RunContext) -> tuple[Pairs, Cost]:
        """Return the pool, of exactly the size that was planned.

        Raises:
            StepError: The method returned another number of pairs.
        """
        pool = self.ask("curate", context, lambda: self._as_it_comes(context), n=self.n)
        if len(pool) != self.size:
            raise StepError(f"curate returned {len(pool)} pairs; the plan says {self.size}")
        return pool, Cost(real_samples=int(np.sum(pool.origin == 0)))

    def _as_it_comes(self, context: RunContext) -> Pairs:
        assert self.new is not None
        return in_order(context.pool(self.new), self.order(context))

    def work(self) -> Work:
        """Return n items; the artifact holds `size`."""
        return Work(self.n)

    @property
    def links(self) -> bool:
        """Those that are chosen lie in pools already."""
        return True

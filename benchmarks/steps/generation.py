"""The numbers of one metric family on one generation of a chain, beside what it began with and those between.

A chain is a loop in which nothing trains: what one iteration makes, the next one begins with. Generation 0 is real.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from benchmarks.steps.metrics import Metrics
from benchmarks.steps.step import Keys, reads
from benchmarks.study.suite import Begins
from records.errors import StepError

if TYPE_CHECKING:
    from benchmarks.metrics.view import View
    from benchmarks.steps.context import RunContext

#: A side of a pair, and what a judge's features of it are called in those of a set.
SIDES = {"images": "features", "captions": "paired"}


@dataclass(frozen=True, eq=False, kw_only=True)
class GenerationMetrics(Metrics):
    """A family on `pool`, the pairs of generation t.

    Attributes:
        begins: The side of the real pairs that the chain began with.
        origin: Those pairs, of the same items in the same order.
        origin_features: What the judge sees in them.
        earlier: What it sees in the pairs of generations 1 to t - 1, in their order.
    """

    kind: ClassVar[str] = "generation_metrics"
    version: ClassVar[int] = 1
    begins: Begins
    origin: str = reads(default="")
    origin_features: str | None = reads(default=None)
    earlier: Keys | None = reads(default=None)

    def _set_view(self, context: RunContext) -> View:
        """Return what a family of a set may look at, and the chain up to here beside it."""
        view = super()._set_view(context).with_(begins=self.begins)
        if not np.array_equal(context.store.get(self.origin).ids, context.store.get(str(self.pool)).ids):
            raise StepError("a generation has other items than the pairs that its chain began with; allowed: the same")
        if self.origin_features is None:
            return view
        origin = context.store.get(self.origin_features)
        before = [context.store.get(key) for key in self.earlier or ()]

        def stacked(side: str) -> np.ndarray | None:
            """Return (n, t - 1, d) features; None where the judge does not embed this side."""
            if SIDES[side] not in origin:
                return None
            seen = [found[SIDES[side]] for found in before]
            return np.stack(seen, axis=1) if seen else np.empty((len(view.captions), 0, origin[SIDES[side]].shape[1]))

        return view.with_(
            origin_features=origin.get("features"), origin_paired_features=origin.get("paired"),
            earlier_features=stacked("images"), earlier_paired_features=stacked("captions"),
        )  # fmt: skip

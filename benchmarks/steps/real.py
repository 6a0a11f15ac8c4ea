"""N real pairs: the items of an iteration, or a slice of the reserve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from benchmarks.seeds import draw_items
from benchmarks.steps.in_parts import settled
from benchmarks.steps.items import caption_seed, real_pairs, reserve_ids
from benchmarks.steps.step import Step, Work
from datamodules.pairs import Pairs
from records.canonical import Spec
from records.results import Cost

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext


@dataclass(frozen=True, eq=False, kw_only=True)
class Real(Step):
    """Real images with one human caption each.

    Attributes:
        data: Identity of the data set.
        split: The split.
        seed: Of the cell.
        t: The iteration; 0 for a slice of the reserve.
        n: How many pairs.
        start: Where a slice of the reserve begins; None for the items of an iteration.
    """

    kind: ClassVar[str] = "real"
    version: ClassVar[int] = 1
    stays_with: ClassVar[str] = "pools"
    data: Spec
    split: str
    seed: int
    t: int
    n: int
    start: int | None = None

    def run(self, context: RunContext) -> tuple[Pairs, Cost]:
        """Look the pairs up."""
        data = context.data(self.data)
        size = data.sizes[self.split]
        if self.start is None:
            ids = draw_items(self.seed, self.t, self.n, size)
        else:
            ids = reserve_ids(self.seed, self.start, self.n, size)
        return settled(context, real_pairs(data, self.split, ids, caption_seed(self.seed, self.t))), Cost()

    def work(self) -> Work:
        """Return n items."""
        return Work(self.n)

    @property
    def pictures(self) -> int:
        """One a pair."""
        return self.n

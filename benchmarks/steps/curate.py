"""The pool that is trained on: chosen, mixed and weighted by the method, or as it comes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmarks.steps.items import ItemStep
from benchmarks.steps.order import in_order
from benchmarks.steps.step import Keys, Work, reads
from datamodules.images import Images
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
            raise StepError(
                f"curate returned {len(pool)} pairs; allowed: {self.size}, as was planned (`pool_size` plans another "
                "number, `oversample` draws more to choose from)"
            )
        # What a hook says that it consumed is added to this; what it took beyond, whatever it calls it, is counted.
        said = sum(seen.spent.get("real_samples", 0) for seen in context.hooked)
        taken = sum(unmarked(pool, vars(seen)) for seen in context.hooked)
        return pool, Cost(real_samples=int(np.sum(pool.origin == 0)) + max(0, taken - said))

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


def unmarked(pool: Pairs, touched: Mapping[str, Any]) -> int:
    """Return how many pairs that are said to be synthetic have the image of a real one, or a real one's captions too.

    Images are compared where the loop draws them: where it does not, those of its own pairs are real, and a pair is
    taken for a real one that says what a person said of that image and nobody in the loop did. Pairs are compared with
    those of the same item, and pictures in files are decoded only where they lie among real ones.

    Args:
        pool: What a hook returned.
        touched: The sources that it looked at, by name.
    """
    real = [pairs for name in ("real", "reserve") for pairs in touched.get(name, ())]
    own = [pairs for pairs in (touched.get("new"), *touched.get("history", ())) if pairs is not None]
    if not real or not len(rows := np.flatnonzero(pool.origin != 0)):
        return 0
    places = set[Any]().union(*map(_places, real)).difference(*map(_places, own))
    texts = set[Any]().union(*map(_texts, real)).difference(*map(_texts, own))
    lies, says = _places(pool), _texts(pool)
    asked = pool.take([i for i in rows.tolist() if lies[i] is None or lies[i] in places or says[i] in texts])
    if not len(asked):
        return 0
    pictures, pairs = _contents(real, asked.ids)
    mine, said = _contents(own, asked.ids)
    drawn, told = pictures - mine, pairs - said
    return sum(one in drawn or (one, text) in told for one, text in _named(asked))


def _places(pairs: Pairs) -> list[Any]:
    """Return where the picture of each pair lies; None where it lies in memory."""
    if not isinstance(pairs.images, Images):
        return [None] * len(pairs)
    names = [source.name for source in pairs.images.sources]
    both = zip(pairs.images.source.tolist(), pairs.images.row.tolist(), strict=True)
    return [(names[source], row) for source, row in both]


def _texts(pairs: Pairs) -> list[tuple[int, str]]:
    return list(zip(pairs.ids.tolist(), pairs.captions, strict=True))


def _contents(pools: Sequence[Pairs], ids: np.ndarray) -> tuple[set[bytes], set[tuple[bytes, str]]]:
    found = {named for pairs in pools for named in _named(pairs.take(np.isin(pairs.ids, ids)))}
    return {one for one, _ in found}, found


def _named(pairs: Pairs) -> Iterator[tuple[bytes, str]]:
    """Yield a digest of each image, and its caption."""
    for i, text in enumerate(pairs.captions):
        yield hashlib.blake2b(np.ascontiguousarray(pairs.images[i]).tobytes(), digest_size=16).digest(), text

"""Captions for drawn images (a shard's), or for the real images of the items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmarks.seeds import sample_seeds
from benchmarks.steps.in_parts import captioned, real_images, settled
from benchmarks.steps.items import PROMPT_SPLIT, originals
from benchmarks.steps.order import in_order, looked_at
from benchmarks.steps.part import Part
from benchmarks.steps.step import Keys, reads
from datamodules.images import taken
from datamodules.pairs import Pairs
from records.errors import StepError
from records.results import Cost

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext


@dataclass(frozen=True, eq=False, kw_only=True)
class Captions(Part):
    """What one captioner says of a shard. `images` are the shard's drawn images; None = the items' real ones."""

    kind: ClassVar[str] = "captions"
    version: ClassVar[int] = 1
    turn: ClassVar[int] = 1  # every captioner sees images of every generator
    images: Keys | None = reads(default=None)

    def run(self, context: RunContext) -> tuple[Pairs, Cost]:
        """Write one caption for each image."""
        pairs = self._pictures(context)
        draws = pairs.draw if pairs.draw is not None else np.zeros(len(pairs), np.int16)
        seeds = sample_seeds(self.seed, pairs.ids, draws)
        evaluations = 0

        def caption(model: Any, rows: Any = slice(None)) -> list[str]:
            nonlocal evaluations
            make, in_parts = self.sampler(context, "captioner", model)
            images = taken(pairs.images, np.arange(len(pairs))[rows])
            if not in_parts:
                made = make(np.asarray(images), seeds[rows], context.progress)
                evaluations += made.network_evaluations
                return list(made.outputs)
            captions, more = captioned(make, model, images, seeds[rows], context.progress)
            evaluations += more
            return captions

        live = context.model(str(self.model))
        own = self.hooked if self.hooked is not None and "relabel" in self.hooked.hooks else None
        if own is not None:
            context.lent.add(str(self.model))
        facts = {"pairs": looked_at(pairs), "caption": caption, "live": live}
        texts = self.ask("relabel", context, lambda: caption(live), **facts)
        if len(texts) != len(pairs):
            raise StepError(f"the captioner returned {len(texts)} captions; allowed: {len(pairs)}")
        synthetic = 0 if self.images is not None else len(pairs)
        captioner = context.source(str(self.model)) if own is None else type(own.method.execution.hooks).__name__
        made = pairs.with_(
            captions=tuple(texts),
            source=(captioner,) * len(pairs) if pairs.source is None else [f"{s} + {captioner}" for s in pairs.source],
            seeds=seeds if pairs.seeds is None else pairs.seeds,
        )
        return made, Cost(network_evaluations=evaluations, synthetic_samples=synthetic)

    @property
    def pictures(self) -> int:
        """One a pair where they are real; drawn ones lie in their own pools."""
        return self.work().samples if self.images is None else 0

    @property
    def links(self) -> bool:
        """Drawn images are linked."""
        return self.images is not None

    def _pictures(self, context: RunContext) -> Pairs:
        """Return the images to caption, with captions still those that they were drawn from."""
        order = self.order(context)
        assert order is not None
        assert self.data is not None
        position = self.mine(len(order))
        if self.images is not None:
            drawn = in_order(context.pool(self.images), order)
            whole = len(position) == len(order)
            return drawn if whole else drawn.take(np.flatnonzero(np.isin(drawn.ids, order[position])))
        ids = np.tile(order[position], self.draws)
        n = len(ids)
        pairs = Pairs(
            ids=ids, images=real_images(context.data(self.data), PROMPT_SPLIT, ids), captions=("",) * n,
            prompts=("",) * n, origin=np.full(n, self.t, np.int16),
            draw=np.repeat(np.arange(self.draws), len(position)).astype(np.int16),
            **originals(context.data(self.data), PROMPT_SPLIT, ids),
        )  # fmt: skip
        return settled(context, pairs)

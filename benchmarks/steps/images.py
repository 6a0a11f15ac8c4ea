"""Images for prompts: real captions, or the captions of the previous iteration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmarks.seeds import sample_seeds
from benchmarks.steps.in_parts import drawn, nothing_yet
from benchmarks.steps.items import PROMPT_SPLIT, caption_seed, one_each
from benchmarks.steps.order import in_order
from benchmarks.steps.part import Part
from benchmarks.steps.step import Keys, reads
from datamodules.pairs import Pairs
from records.errors import StepError
from records.results import Cost

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext


@dataclass(frozen=True, eq=False, kw_only=True)
class Images(Part):
    """What one generator draws of a shard. `prompts` are pools whose captions it is asked for; None = real captions."""

    kind: ClassVar[str] = "images"
    version: ClassVar[int] = 1
    turn: ClassVar[int] = 0
    prompts: Keys | None = reads(default=None)

    def run(self, context: RunContext) -> tuple[Pairs, Cost]:
        """Draw one image for each prompt and draw."""
        order = self.order(context)
        assert order is not None
        assert self.data is not None
        data, position = context.data(self.data), self.mine(len(order))
        ids = order[position]
        asked = self._asked(context, order, position)
        prompts = self.ask("prompts", context, lambda: asked, prompts=list(asked), ids=ids.copy())
        draws = np.repeat(np.arange(self.draws), len(ids))
        ids, prompts = np.tile(ids, self.draws), prompts * self.draws
        seeds = sample_seeds(self.seed, ids, draws)
        pairs = Pairs(
            ids=ids, images=nothing_yet(len(ids)), captions=tuple(prompts), prompts=tuple(prompts),
            origin=np.full(len(ids), self.t, np.int16), draw=draws.astype(np.int16),
            source=(context.source(str(self.model)),) * len(ids), seeds=seeds,
        )  # fmt: skip
        make, in_parts = self.sampler(context, "generator")
        side, batch = side_of(data) if in_parts else None, getattr(context.model(str(self.model)), "batch_size", 1)

        def checked(inputs: Any, seeds: np.ndarray, progress: Any) -> Any:
            made = make(inputs, seeds, progress)
            require_side(made.outputs, data)
            return made

        pairs, evaluations = drawn(context, pairs, checked, seeds, side, batch)
        return pairs, Cost(network_evaluations=evaluations, synthetic_samples=len(ids))

    @property
    def pictures(self) -> int:
        """One a pair."""
        return self.work().samples

    def _asked(self, context: RunContext, order: np.ndarray, position: np.ndarray) -> list[str]:
        if self.prompts is not None:
            previous = in_order(context.pool(self.prompts), order)
            return [previous.captions[i] for i in position]
        assert self.data is not None
        assert self.items is not None
        seed, t, _ = self.items
        ids = order[position]
        return one_each(context.data(self.data).captions(PROMPT_SPLIT, ids), caption_seed(seed, t), ids)


def side_of(data: Any) -> int | None:
    """Return the side of a data set's pictures in pixels, as far as it says."""
    return getattr(data, "resolution", getattr(data, "image_size", None))


def require_side(images: np.ndarray, data: Any) -> None:
    """Refuse drawn images of another size than the real ones: `real` and `none` would then differ in more than data."""
    side = side_of(data)
    if images.ndim == 4 and side is not None and images.shape[1:3] != (side, side):
        raise StepError(
            f"the generator draws {images.shape[2]} x {images.shape[1]} pixels, the data have {side} x {side}; "
            "allowed: the same (set the data's resolution, or the generator's init_args: {size: ...})"
        )

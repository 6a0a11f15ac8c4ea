"""What images and captions have in common: each step makes the part of a pool that falls to one shard and member."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmarks.methods.returned import check_generated
from benchmarks.steps.in_parts import Make
from benchmarks.steps.items import ItemStep
from benchmarks.steps.step import Keys, Work, reads

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext


@dataclass(frozen=True, eq=False, kw_only=True)
class Part(ItemStep):
    """The part of a raw pool that one model makes.

    Attributes:
        draws: Candidates of each item.
        shard: First and last but one position in the pool; shard boundaries are part of what a step is.
        member: Which of how many models of an ensemble.
        decoding: How is sampled, unless a hook decides.
        seed: Of all noise.
        model: The model that makes the data.
    """

    stays_with: ClassVar[str] = "pools"
    worker: ClassVar[str] = "model"
    turn: ClassVar[int]  # how many neighbours of k members in a row fall to the same one, in units of k ** turn
    draws: int
    shard: tuple[int, int]
    member: tuple[int, int]
    decoding: Any
    seed: int
    model: Keys = reads()

    def mine(self, n: int) -> np.ndarray:
        """Return the positions of a pool of n that fall to this shard and member."""
        start, stop = self.shard
        member, k = self.member
        position = np.arange(start, min(stop, n))
        return position[position // k**self.turn % k == member]

    def sampler(self, context: RunContext, modality: str, model: Any = None) -> tuple[Make, bool]:
        """Return what asks the live model, under the method's `sampling` where it has one, and whether part by part.

        What a method does in place of the model is asked for all at once, since it may look at all.
        """
        model = context.model(str(self.model)) if model is None else model
        facts = {"decoding": self.decoding, "modality": modality}
        decoding = self.ask("sampling", context, lambda: self.decoding, **facts)
        if hasattr(decoding, "generate"):  # a method's own way to sample
            context.lent.add(str(self.model))

            def own(inputs: Any, seeds: np.ndarray, _: Any) -> Any:
                made = decoding.generate(model, inputs, self.decoding, seeds)
                return check_generated(type(decoding).__name__, made, len(seeds))

            return own, False
        return lambda inputs, seeds, progress: model.generate(inputs, decoding, seeds, progress=progress), True

    def work(self) -> Work:
        """Return the samples that fall to it, each with the evaluations of its decoding."""
        start, stop = self.shard
        member, k = self.member
        run = k**self.turn
        mine = (_turns(stop, member, k, run) - _turns(start, member, k, run)) * self.draws
        return Work(mine, mine * self.decoding.evaluations)


@cache
def _turns(stop: int, member: int, k: int, run: int) -> int:
    """Return how many of 0..stop-1 fall to a member, where `run` neighbours go to one member, then to the next."""
    laps, rest = divmod(stop, k * run)
    return laps * run + min(run, max(0, rest - member * run))

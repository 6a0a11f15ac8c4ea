"""One model, fine-tuned on the pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmarks.seeds import permutation
from benchmarks.steps.hooked import HookedStep
from benchmarks.steps.in_parts import in_memory
from benchmarks.steps.order import looked_at
from benchmarks.steps.step import Work, reads
from datamodules.pairs import Pairs
from lightning_modules.settings import FitSettings
from records.errors import StepError
from records.names import Modality
from records.results import Cost

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext
    from benchmarks.study.suite import Retain


@dataclass(frozen=True, eq=False, kw_only=True)
class Fit(HookedStep):
    """Exactly the planned steps, a fresh optimizer, no early stopping.

    Attributes:
        modality: Of the model.
        settings: How is trained.
        seed: Of order and noise.
        model: What it starts from.
        pool: The pairs.
        segment: Member, of how many, and the seed by which the pool is parted among them; None = all of the pool.
    """

    kind: ClassVar[str] = "fit"
    version: ClassVar[int] = 1
    worker: ClassVar[str] = "model"
    modality: Modality
    settings: FitSettings
    seed: int
    segment: tuple[int, int, int] | None = None
    model: str = reads()
    pool: str = reads()

    def run(self, context: RunContext) -> tuple[Any, Cost]:
        """Train, under the method's `objective` where it has one.

        Raises:
            NonFiniteLoss: The loss became NaN or infinite.
            StepError: The pool has fewer pairs than members to part it among.
        """
        # An objective is given the model, and might change its base.
        adapter = self.settings.lora is not None and self.hooked is None
        model, pool = context.trainable(self.model, adapter), context.pool(self.pool)
        if self.segment is not None:
            pool = segment_of(pool, *self.segment)
        facts = {"modality": self.modality, "pool": looked_at(pool), "settings": self.settings}
        objective = self.ask("objective", context, lambda: None, **facts)
        pool = in_memory(pool)
        report = model.fit_pairs(pool, self.settings, self.seed, objective=objective, progress=context.progress)
        return model, fit_cost(report)

    def work(self) -> Work:
        """Return the samples trained on; weights do not grow with the steps that made them."""
        return Work(self.settings.steps, 0, self.settings.steps * self.settings.batch_size, pieces=1)

    @property
    def fits(self) -> str:
        """The modality."""
        return self.modality

    def kept(self, retain: Retain) -> bool:
        """Adapters always, whole weights where models are."""
        return retain.models or self.settings.lora is not None


def segment_of(pool: Pairs, member: int, k: int, seed: int) -> Pairs:
    """Return one of k parts of a pool in the pool's order; together they hold every pair once, drawn at random.

    At random, since neighbours in a pool have makers or origins in common.

    Raises:
        StepError: There are fewer pairs than parts.
    """
    if len(pool) < k:
        raise StepError(f"members.segments: found {len(pool)} pairs for {k} members; allowed: one each, or more")
    return pool.take(np.sort(permutation(seed, len(pool))[member::k]))


def fit_cost(report: Any) -> Cost:
    """Return what a fit consumed."""
    return Cost(network_evaluations=report.network_evaluations, training_steps=report.steps)

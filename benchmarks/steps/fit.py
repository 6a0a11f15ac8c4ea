"""One model, fine-tuned on the pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.steps.hooked import HookedStep
from benchmarks.steps.order import looked_at
from benchmarks.steps.step import Work, reads
from lightning_modules.settings import FitSettings
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
    """

    kind: ClassVar[str] = "fit"
    version: ClassVar[int] = 1
    worker: ClassVar[str] = "model"
    modality: Modality
    settings: FitSettings
    seed: int
    model: str = reads()
    pool: str = reads()

    def run(self, context: RunContext) -> tuple[Any, Cost]:
        """Train, under the method's `objective` where it has one.

        Raises:
            NonFiniteLoss: The loss became NaN or infinite.
        """
        model, pool = context.fresh_model(self.model), context.pool(self.pool)
        hooked = self.hook("objective", context, modality=self.modality, pool=looked_at(pool), settings=self.settings)
        objective = None if hooked is None else hooked[0].objective(hooked[1])
        report = model.fit_pairs(pool, self.settings, self.seed, objective=objective, progress=context.progress)
        return model, fit_cost(report)

    def work(self) -> Work:
        """Return the samples trained on; weights do not grow with the steps that made them."""
        return Work(self.settings.steps, 0, self.settings.steps * self.settings.batch_size, pieces=1)

    def kept(self, retain: Retain) -> bool:
        """Adapters always, whole weights where models are."""
        return retain.models or self.settings.lora is not None


def fit_cost(report: Any) -> Cost:
    """Return what a fit consumed."""
    return Cost(network_evaluations=report.network_evaluations, training_steps=report.steps)

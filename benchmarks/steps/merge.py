"""The next model out of base, previous and new weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.steps.hooked import HookedStep
from benchmarks.steps.step import reads
from records.errors import StepError
from records.names import Modality
from records.results import Cost

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext


@dataclass(frozen=True, eq=False, kw_only=True)
class Merge(HookedStep):
    """What a method makes of a freshly trained model."""

    kind: ClassVar[str] = "merge"
    version: ClassVar[int] = 1
    stays_with: ClassVar[str] = "models"
    worker: ClassVar[str] = "model"
    modality: Modality
    seed: int
    model: str = reads()

    def run(self, context: RunContext) -> tuple[Any, Cost]:
        """Ask the method.

        Raises:
            StepError: The model that it returned has a weight that is no number.
        """
        facts = {"new_model": context.fresh_model(self.model), "modality": self.modality}
        made = self.ask("merge", context, lambda: facts["new_model"], **facts)
        if odd := not_finite(made):
            raise StepError(f"merge returned a {type(made).__name__} with NaN or infinity in {odd}; allowed: numbers")
        return made, Cost()


def not_finite(model: Any) -> str:
    """Return the name of the first weight of a network that is no number; "" where all are, or it is no network."""
    weights = getattr(model, "state_dict", None)
    if weights is None:
        return ""
    import torch

    odd = (
        name
        for name, weight in weights().items()
        if isinstance(weight, torch.Tensor) and weight.is_floating_point() and not torch.isfinite(weight).all()
    )
    return next(odd, "")

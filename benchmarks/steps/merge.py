"""The next model out of base, previous and new weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.steps.hooked import HookedStep
from benchmarks.steps.step import reads
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
        """Ask the method."""
        facts = {"new_model": context.fresh_model(self.model), "modality": self.modality}
        return self.ask("merge", context, lambda: facts["new_model"], **facts), Cost()

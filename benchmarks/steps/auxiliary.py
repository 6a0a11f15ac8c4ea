"""Whatever a method makes beside the models: an auxiliary model, a detector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.steps.fit import fit_cost
from benchmarks.steps.hooked import HookedStep
from benchmarks.steps.step import reads
from lightning_modules.settings import FitSettings
from records.names import Modality
from records.results import Cost

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext
    from benchmarks.study.suite import Retain


@dataclass(frozen=True, eq=False, kw_only=True)
class Auxiliary(HookedStep):
    """What a method's `auxiliary` makes of the pool, for one modality."""

    kind: ClassVar[str] = "auxiliary"
    version: ClassVar[int] = 1
    modality: Modality
    settings: FitSettings
    seed: int
    pool: str = reads()

    def run(self, context: RunContext) -> tuple[Any, Cost]:
        """Ask the method."""
        assert self.hooked is not None
        sources = self.hooked.sources
        made = self.ask(
            "auxiliary", context, lambda: None, pool=context.fresh_pool(self.pool), modality=self.modality,
            settings=self.settings, progress=context.progress,
            fresh=lambda name: context.fresh_model(str(sources[name])),
        )  # fmt: skip
        value, report = made if isinstance(made, tuple) else (made, None)
        return value, Cost() if report is None else fit_cost(report)

    @property
    def fits(self) -> str:
        """The modality."""
        return self.modality

    def kept(self, retain: Retain) -> bool:
        """As a fit."""
        return retain.models or self.settings.lora is not None

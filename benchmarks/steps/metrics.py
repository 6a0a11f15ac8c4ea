"""The numbers of one metric family on one model's samples or one set, and why others of it are absent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmarks.steps.features import measured_part
from benchmarks.steps.items import PROMPT_SPLIT, compared
from benchmarks.steps.measuring import Measuring, one_caption_each, paired, reference_features
from benchmarks.steps.step import reads
from records.results import Cost
from records.sources import import_class

if TYPE_CHECKING:
    from benchmarks.metrics.family import Family
    from benchmarks.metrics.view import View
    from benchmarks.steps.context import RunContext


@dataclass(frozen=True, eq=False, kw_only=True)
class Metrics(Measuring):
    """A family on evaluation samples, `sample`, or on a set, `pool`, with what a judge sees in it, `features`."""

    kind: ClassVar[str] = "metrics"
    version: ClassVar[int] = 1
    sample: str | None = reads(default=None)
    pool: str | None = reads(default=None)
    features: str | None = reads(default=None)

    def run(self, context: RunContext) -> tuple[dict[str, Any], Cost]:
        """Measure."""
        family = _kept_family(self.family.execution)
        view = self._set_view(context) if self.pool is not None else self._sample_view(context, family.side)
        try:
            return measured(family, view), Cost()
        finally:
            family.reset()

    def _sample_view(self, context: RunContext, side: str) -> View:
        """Return what a captioner or generator family may look at."""
        pairs = context.store.get(str(self.sample))
        view = self.real_view(context, "evaluation", len(pairs))
        if self.features is not None:
            judged = context.store.get(self.features)
            real, floor = context.store.get(str(self.evaluation)), context.store.get(str(self.floor))
            view = view.with_(
                features=judged["features"], paired_features=paired(real, side), real_features=floor.get("images"),
                draw_features=judged.get("draws"), real_caption_features=one_caption_each(floor),
                **self.asked(context),
            )  # fmt: skip
            if side == "captioner":
                view = view.with_(reference_features=reference_features(real))
        return view.with_(
            images=pairs.images,
            captions=list(pairs.captions) if side == "captioner" else None,
            prompts=list(pairs.prompts) if side == "generator" else None,
        )

    def _set_view(self, context: RunContext) -> View:
        """Return what a family of side `set` may look at: pairs about to be trained on, the truth of their items."""
        from benchmarks.metrics.view import View

        data = context.data(self.data)
        pool = measured_part(context.store.get(str(self.pool)), self.n, self.seed)
        view = View(captions=list(pool.captions), images=pool.images, oracle=data.oracle)
        if not np.any(pool.origin == 0):  # ids of real pairs may be of another split
            view = view.with_(
                references=[texts[: compared(len(texts))] for texts in data.captions(PROMPT_SPLIT, pool.ids)],
                attributes=data.attributes(PROMPT_SPLIT, pool.ids),
            )
        if self.features is not None:
            judged, floor = context.store.get(self.features), context.store.get(str(self.floor))
            view = view.with_(
                features=judged.get("features"), paired_features=judged.get("paired"), real_features=floor.get("images")
            )
        return view


@cache
def _kept_family(class_path: str) -> Family:
    """Make a family once a process: to make one costs more than to compute the small ones."""
    cls: Any = import_class(class_path)
    return cls()


def measured(family: Family, view: View) -> dict[str, Any]:
    """Return `values` and `absent` of a family on one view, and `intervals` of a family that has them.

    A number that is not finite is absent, never kept.
    """
    from benchmarks.metrics.family import MetricUnavailable

    try:
        family.update(view)
        values = {name: float(value) for name, value in family.compute().items()}
    except MetricUnavailable as reason:
        return {"values": {}, "absent": {name: str(reason) for name in family.declares}}
    bad = {name: f"not a finite number ({value})" for name, value in values.items() if not np.isfinite(value)}
    found = {"values": {k: v for k, v in values.items() if k not in bad}, "absent": {**family.absent, **bad}}
    if family.intervals:
        found["intervals"] = {k: list(ends) for k, ends in family.bounds().items() if k not in bad}
    return found

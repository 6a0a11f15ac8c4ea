"""What real data score at the same n: value, spread over draws, and the minimum effect of two spreads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmarks.steps.in_parts import real_images
from benchmarks.steps.measuring import Measuring, one_caption_each, paired
from benchmarks.steps.sample import evaluation_prompts
from records.declarations import facts
from records.errors import StepError
from records.results import Cost

if TYPE_CHECKING:
    from benchmarks.metrics.view import View
    from benchmarks.steps.context import RunContext


@dataclass(frozen=True, eq=False, kw_only=True)
class Floor(Measuring):
    """A family on real data in the place of a model's, `draws` times."""

    kind: ClassVar[str] = "floor"
    version: ClassVar[int] = 1
    draws: int

    def run(self, context: RunContext) -> tuple[dict[str, Any], Cost]:
        """Measure every draw.

        Raises:
            StepError: The family measures sets, which have no floor.
        """
        from benchmarks.metrics.family import MetricUnavailable
        from benchmarks.metrics.floors import floor_draws, no_caption_floor

        family = self.make_family()
        if family.side not in ("captioner", "generator"):
            raise StepError(f"{self.family.execution}: a floor is for captioners and generators")
        six = context.data(self.data).captions("evaluation", np.arange(self.n))
        if family.side == "captioner" and (reason := no_caption_floor(six)):
            return {"floors": {}, "absent": dict.fromkeys(family.declares, reason)}, Cost()
        views = {split: self._view(context, split, family.side) for split in ("evaluation", "floor")}
        make_view = self._caption_views(context, views) if family.side == "captioner" else _image_views(views)
        try:
            floors = floor_draws(self.make_family, make_view, self.draws)
        except MetricUnavailable as unavailable:
            return {"floors": {}, "absent": {name: str(unavailable) for name in family.declares}}, Cost()
        for name, found in floors.items():
            declared = facts(family.declares, name)
            if declared is not None and declared["range"] == [0, 1]:  # a share cannot resolve less than one item
                found["minimum_effect"] = max(found["minimum_effect"], 1 / self.n)
        return {"floors": floors, "absent": {}}, Cost()

    def _view(self, context: RunContext, split: str, side: str) -> View:
        """Return what may be looked at of a real split, as if a model had made it."""
        data = context.data(self.data)
        view = self.real_view(context, split, self.n).with_(images=real_images(data, split, np.arange(self.n)))
        if side == "generator":
            view = view.with_(prompts=evaluation_prompts(data, split, self.n))
        if (key := self.inputs.get(split)) is None:
            return view
        real = context.store.get(str(key))
        return view.with_(
            features=real.get("images"), paired_features=paired(real, side),
            real_caption_features=one_caption_each(context.store.get(str(self.floor))), **self.asked(context),
        )  # fmt: skip

    def _caption_views(self, context: RunContext, views: dict[str, View]) -> Callable[[int], View]:
        from benchmarks.metrics.floors import caption_floor_view

        six = context.data(self.data).captions("evaluation", np.arange(self.n))
        texts = context.store.get(self.evaluation)["captions"] if self.evaluation is not None else None
        return lambda seed: caption_floor_view(views["evaluation"].with_(features=None), six, seed, texts)


def _image_views(views: dict[str, View]) -> Callable[[int], View]:
    from benchmarks.metrics.floors import image_floor_view

    return lambda seed: image_floor_view(views["evaluation"], views["floor"], seed)

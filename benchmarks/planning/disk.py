"""What a study's artifacts take on the disk: pictures, trained models and features, at most and in the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.planning.plan import Plan
from benchmarks.steps import Auxiliary, Base, Features, Fit, Merge, Reference, Score, Step
from benchmarks.steps.step import Work
from benchmarks.study.testbed import ModelSpec
from benchmarks.study.world import embedded_by
from lightning_modules.fitting.sizes import saved_bytes, width
from lightning_modules.settings import Lora
from lightning_modules.weights.sources import MissingModel, Origin
from records.sources import declared

#: Captions of an item that are embedded at most: five references and one for the ceiling.
CAPTIONS = 6


class Sizes:
    """Bytes of artifacts that nobody has made yet, told from the plan and from the files of its models.

    Attributes:
        unknown: Names of models that are not on this machine: what is made with them is not counted.
    """

    def __init__(self, plan: Plan, work: Mapping[str, Work]):
        self.plan, self.work = plan, work
        self.unknown: set[str] = set()
        self._known: dict[tuple[str, Any], int | None] = {}

    def of(self, step: Step) -> float:
        """Return the bytes of an artifact: at most those of uncompressed pictures, or of what a model leaves."""
        if isinstance(step, (Fit, Merge, Auxiliary)):
            return self._model(step)
        if isinstance(step, (Features, Reference, Score)):
            return self._features(step)
        return step.pictures * self._side**2 * 3.0

    @cached_property
    def _side(self) -> int:
        data = self.plan.world.data
        return getattr(data, "resolution", getattr(data, "image_size", 0))

    def _model(self, step: Fit | Merge | Auxiliary) -> float:
        """Return the bytes of a trained model; what a method makes beside counts as one."""
        first = self.plan.origins[step.key]
        if isinstance(step, Auxiliary):
            first = next((k for k, s in self._bases.items() if s.spec in self._sided(step.modality)), "")
        lora = step.settings.lora if isinstance(step, (Fit, Auxiliary)) else self._lora[step.modality]
        return self._ask(first, lora, lambda folder, model: saved_bytes(folder, model.dtype, lora))

    def _features(self, step: Features | Reference | Score) -> float:
        """Return the bytes of float32 rows, as wide as the judge embeds."""
        first = self.plan.origins[step.key]
        if not first:
            return 0
        model = self._bases[first].spec
        kinds, said = embedded_by(model), declared(model.class_path, "width")
        wide = said or self._ask(first, "width", lambda folder, _: width(folder))
        return 4.0 * wide * self._rows(step, kinds)

    def _rows(self, step: Features | Reference | Score, kinds: tuple[str, ...]) -> int:
        """Return how many rows of features a step makes with a judge of such kinds."""
        if isinstance(step, Score):
            return len(kinds) * sum(self.work[key].samples for key in step.parents)
        if isinstance(step, Reference):
            rows = {"images": step.n or 0, "captions": CAPTIONS * (step.n or 0)}
            return sum(rows[kind] for kind in kinds)
        if step.pool is not None:
            return len(kinds) * (step.n or 0)
        return sum(self.work[key].samples for key in (step.sample, step.draws) if key is not None)

    @cached_property
    def _bases(self) -> dict[str, Base]:
        return {key: step for key, step in self.plan.steps.items() if isinstance(step, Base)}

    def _sided(self, modality: str) -> tuple[ModelSpec, ...]:
        return self.plan.world.testbed.models(modality)[:1]

    @cached_property
    def _lora(self) -> dict[str, Lora | None]:
        """How each modality is trained: a merge has the weights of a fit."""
        return {step.modality: step.settings.lora for step in self.plan.steps.values() if isinstance(step, Fit)}

    def _ask(self, key: str, what: Any, ask: Any) -> int:
        """Ask the files of a base once; 0 where it has none, or they are not here, which is noted."""
        if key not in self._bases:
            return 0
        model = self._bases[key].spec
        if model.folder is None and model.hub is None:
            return 0
        if (key, what) not in self._known:
            self._known[key, what] = self._asked(model, ask)
        found = self._known[key, what]
        if found is None:
            self.unknown.add(model.name)
        return found or 0

    def _asked(self, model: ModelSpec, ask: Any) -> int | None:
        try:
            folder: Path = Origin(model.class_path, model.folder, model.hub, model.revision).locate()
            return ask(folder, model)
        except (MissingModel, ValueError, OSError):  # not here, or not whole, which a plan says elsewhere
            return None


def peak_and_kept(plan: Plan, sizes: Mapping[str, float]) -> tuple[float, float]:
    """Return the largest and the last sum of sizes while the steps run one after another under `retain`."""
    readers: dict[str, int] = defaultdict(int)
    for step in plan.steps.values():
        for parent in set(step.parents):
            readers[parent] += 1
    order = {key: i for i, key in enumerate(plan.steps)}
    closes: dict[str, list[str]] = defaultdict(list)  # last step of a cell -> the samples that its pictures show
    for cell, samples in plan.shown.items():
        closes[max(plan.cells[cell].needs, key=order.__getitem__)].extend(samples)
        for sample in samples:
            readers[sample] += 1
    for step in plan.steps.values():
        for parent in set(step.parents) if step.links else ():
            readers[parent] += 1  # it holds on to their pictures for as long as it is there
    now = peak = 0.0
    for key, step in plan.steps.items():
        now += sizes[key]
        peak = max(peak, now)
        done = [*set(step.parents), *closes[key]]
        while done:
            parent = done.pop()
            readers[parent] -= 1
            if not readers[parent] and not plan.steps[parent].kept(plan.suite.retain):
                now -= sizes[parent]
                done.extend(set(plan.steps[parent].parents) if plan.steps[parent].links else ())
    return peak, now

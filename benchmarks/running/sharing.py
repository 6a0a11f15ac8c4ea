"""Evaluation samples in parts: what takes one worker hours takes several of them a share of that.

A plan knows nothing of it, and no key does: the whole is the same step, with the same value, whoever makes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.planning.plan import Plan
from benchmarks.steps import Sample, Step
from benchmarks.steps.sample import SamplePart
from benchmarks.storage.store import Store

#: Samples that a model makes side by side where nothing else is said, or a multiple of it: of every class that ships.
BATCH = 128


@dataclass(frozen=True)
class SharedOut:
    """The steps of a run, samples in parts among them.

    Attributes:
        steps: Inputs first.
        owners: Part -> the step that it is a part of.
    """

    steps: Sequence[Step]
    owners: dict[str, Sample]

    def whole(self, step: Step) -> Step:
        """Return the step that the plan has: of a part what it is a part of."""
        return self.owners.get(step.key, step)

    def done(self, step: Step, store: Store) -> None:
        """Let go of the parts of what is there now."""
        for key in step.parts if isinstance(step, Sample) else ():
            store.drop(key)


def share_out(plan: Plan, steps: Sequence[Step], store: Store, workers: int) -> SharedOut:
    """Have samples of more than a shard made in parts, where there are workers to make them side by side.

    What an earlier run has left of parts is used; of what has become whole since, it is let go, but not while a run is
    at work that may read it. Parts of what is not whole yet stay, whoever made them: a run of fewer cells reads none.
    """
    done, recorded, running = store.done(), store.recorded(), {step.key for step in steps}
    owners: dict[str, Sample] = {}
    found: list[Step] = []
    for step in steps:
        whole, parts = _parts(plan, step) if workers > 1 else (step, [])
        found += [*(part for part in parts if part.key not in done), whole]
        owners.update((part.key, whole) for part in parts if isinstance(whole, Sample))
    alone = store.turns is None or not store.turns.strangers
    for step in (s for s in plan.steps.values() if alone and s.key not in running and s.key in recorded):
        for part in _parts(plan, step)[1]:
            if part.key in done:
                store.drop(part.key)
    return SharedOut(found, owners)


def part_keys(plan: Plan) -> list[str]:
    """Return the keys of all parts that a run of a plan may make."""
    return [part.key for step in plan.steps.values() for part in _parts(plan, step)[1]]


def _parts(plan: Plan, step: Step) -> tuple[Step, list[SamplePart]]:
    """Return a step, and its parts where it is worth having some.

    A part has the samples of a shard, in whole batches, so that no batch is another one than it was.
    """
    if not isinstance(step, Sample):
        return step, []
    batch = getattr(plan.suite.execution, step.modality).generate_batch or BATCH
    size = max(batch, plan.suite.shard // batch * batch)
    return step.shared_out(size) if step.work().samples > size else (step, [])

"""The measuring part of the loop: samples are kept, one feature pass a judge serves every metric, one step a family.

Evaluation noise depends on the evaluation seed and the prompt id alone, so it is equal at every iteration, and the
steps of a model depend on its key alone, so cells that share a model share its evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.planning.cells import Cell, Trace
from benchmarks.seeds import step_seed
from benchmarks.steps import Base, Features, Floor, GenerationMetrics, Metrics, Reference, Sample, Step
from benchmarks.steps.step import Keys
from benchmarks.study.suite import Begins, Decodings, Evaluation
from benchmarks.study.world import DeclaredFamily, World
from records.canonical import Spec, digest
from records.names import MODALITIES, Modality

#: The real captions whose document frequencies CIDEr is pinned to: split and number of items.
DOCUMENTS = ("train", 4096)
#: Split that the testbed's own generators were trained on; memorisation is asked of its first items.
TRAINED = "train"


@dataclass(frozen=True)
class Judged:
    """What a judge brings to every evaluation of one kind: its own steps, and what its features steps share."""

    name: str
    own: tuple[Step, ...]  # the judge itself, and what it says of the real splits
    features: Features

    @property
    def inputs(self) -> dict[str, str]:
        """Return what its metrics read of the real splits."""
        _, evaluation, floor = self.own
        return {"evaluation": evaluation.key, "floor": floor.key}


@dataclass(frozen=True)
class Kit:
    """All that evaluations of one modality (or sets) share, made once: whole steps, and what others are made of."""

    judges: dict[str | None, Judged]
    families: list[tuple[str | None, Metrics, dict[str, Step]]]  # judge, its metrics, what it also asks
    floors: tuple[Step, ...]
    sample: Sample | None = None
    draws: Sample | None = None


class Evaluations:
    """The measuring of one cell. What cells share is kept in `memo`, which all cells of a plan are given."""

    def __init__(self, cell: Cell, world: World, trace: Trace, memo: dict[Any, Any]):
        self.cell, self.world, self.trace, self.memo = cell, world, trace, memo
        self.digest = digest(cell.evaluate)
        self.earlier: dict[str | None, list[str]] = {}  # judge -> what it sees in the generations so far

    def of_model(self, modality: Modality, model: str, t: int) -> Iterator[Step]:
        """Sample a model on the evaluation split and measure the samples with every family of its side."""
        memo_key = (modality, model, self.digest)
        if memo_key not in self.memo:
            where = (f"{self.cell.label} {modality}", t)
            self.memo[memo_key] = list(_evaluation_steps(self.kit(modality, where), model, where))
        steps = self.memo[memo_key]
        yield from steps
        for step in steps:
            if isinstance(step, Sample):  # none where the suite measures nothing of this modality
                self.trace.samples.setdefault((modality, t), step.key)
        self.trace.metrics.setdefault(t, []).extend(s.key for s in steps if isinstance(s, Metrics))
        if t == 0:
            self.trace.floors.extend(s.key for s in steps if isinstance(s, Floor))

    def of_set(self, pool: str, t: int, first: str) -> Iterator[Step]:
        """Measure the set that is about to be trained on, with every family of side `set`.

        Where nothing trains it is generation t of a chain, measured also beside `first`, the real pairs of iteration 1
        that the chain began with, and shown to people.
        """
        where = (f"{self.cell.label} set", t)
        kit = self.kit("set", where)
        judged: dict[str | None, dict[str, str]] = {None: {}}
        chain: dict[str | None, dict[str, Keys]] = {None: {"origin": first}}
        for name, judge in kit.judges.items():
            features = judge.features.reading(*where, pool=pool)
            yield from [*judge.own, features]
            judged[name] = {"features": features.key, **judge.inputs}
            if self.cell.scenario.begins:
                origin = judge.features.reading(*where, pool=first)
                yield origin
                earlier = self.earlier.setdefault(name, [])
                more: dict[str, Keys] = {"earlier": tuple(earlier)} if earlier else {}
                chain[name] = {"origin": first, "origin_features": origin.key, **more}
                earlier.append(features.key)
        for name, metrics, _ in kit.families:
            beside = chain[name] if isinstance(metrics, GenerationMetrics) else {}
            step = metrics.reading(*where, pool=pool, **judged[name], **beside)
            yield step
            self.trace.sets.setdefault(t, []).append(step.key)
        for modality in MODALITIES if self.cell.scenario.begins else ():
            self.trace.samples |= {(modality, 0): first, (modality, t): pool}

    def kit(self, side: str, where: tuple[str, int]) -> Kit:
        """Return what evaluations of a side share; made at the first one of a plan."""
        begins = self.cell.scenario.begins
        key = ("kit", side, self.digest, begins)
        if key not in self.memo:
            self.memo[key] = _make_kit(self.world, self.cell.evaluate, side, where, begins)
        return self.memo[key]


def _evaluation_steps(kit: Kit, model: str, where: tuple[str, int]) -> Iterator[Step]:
    if kit.sample is None:
        return
    sample = kit.sample.reading(*where, model=model)
    yield sample
    inputs: dict[str, str] = {"sample": sample.key}
    if kit.draws is not None:
        drawn = kit.draws.reading(*where, model=model)
        yield drawn
        inputs["draws"] = drawn.key
    judged: dict[str | None, dict[str, str]] = {None: {}}
    for name, judge in kit.judges.items():
        features = judge.features.reading(*where, **inputs)
        yield from [*judge.own, features]
        judged[name] = {"features": features.key, **judge.inputs}
    for name, metrics, added in kit.families:
        yield from added.values()
        asked = {need: step.key for need, step in added.items()}
        yield metrics.reading(*where, sample=sample.key, **judged[name], **asked)
    yield from kit.floors


def _make_kit(world: World, ev: Evaluation, side: str, where: tuple[str, int], begins: Begins | None) -> Kit:
    pairs = [(family, name) for family, name in world.by_judge[side] if begins or not family.chained]
    wanted = {name for _, name in pairs if name is not None}
    part: dict[str, Any] = {"n": ev.n, "seed": ev.seed} if side == "set" else {}
    judges: dict[str | None, Judged] = {}
    for spec in world.models["judges"]:
        name = spec.execution[0].name
        if name in wanted:
            own = tuple(_references(world, ev, spec, where))
            judges[name] = Judged(name, own, Features(modality=side, judge=own[0].key, **part))
    more = {name: {} if side == "set" else _more(world, ev, judges[name].own[0].key, where) for name in judges}
    families = []
    for family, name in pairs:
        added = {need: step for need, step in more.get(name, {}).items() if need in family.needs}
        fields = _measuring(world, ev, family, name)
        step = GenerationMetrics(**fields, begins=begins) if begins and family.chained else Metrics(**fields)
        families.append((name, step, added))
    if side == "set" or not pairs:
        return Kit(judges, families, ())
    floors = []
    for (family, name), (_, _, added) in zip(pairs, families, strict=True):
        inputs = {**(judges[name].inputs if name else {}), **{need: step.key for need, step in added.items()}}
        shared = _measuring(world, ev, family, name)
        floors.append(Floor(draws=ev.floor_draws, **shared).reading(*where, **inputs))
    needs = {need for family, _ in pairs for need in family.needs}
    drawn = bool(needs & {"draws", "draw_features"}) and ev.draw_inputs > 0
    return Kit(
        judges, families, tuple(floors), _sample(world, ev, side, ev.n, 1, ev.decoding),
        _sample(world, ev, side, ev.draw_inputs, ev.draws, ev.draw_decoding) if drawn else None,
    )  # fmt: skip


def _sample(world: World, ev: Evaluation, modality: Any, n: int, draws: int, decodings: Decodings) -> Sample:
    return Sample(
        data=world.data_spec, split="evaluation", modality=modality, n=n, draws=draws,
        decoding=getattr(decodings, modality), seed=step_seed(ev.seed, f"evaluate-{modality}-{draws}", 0),
    )  # fmt: skip


def _references(world: World, ev: Evaluation, judge: Spec, where: tuple[str, int]) -> Iterator[Step]:
    """Yield the judge itself, then what it says of the evaluation split and of the floor split."""
    base = Base(model=judge).reading(*where)
    yield base
    for split in ("evaluation", "floor"):
        yield Reference(data=world.data_spec, split=split, n=ev.n, judge=base.key).reading(*where)


def trained(world: World) -> bool:
    """Whether the anchor generator is known to have been trained on items of this data set."""
    return any(TRAINED in generator.trained_on for generator in world.testbed.generators[:1])


def _more(world: World, ev: Evaluation, judge: str, where: tuple[str, int]) -> dict[str, Step]:
    """Return what else a judge can be asked that only some families need, by the name of the need."""
    found: dict[str, Step] = {}
    # Equally many training and held-out images; for models that say what they were trained on.
    if trained(world) and world.data.sizes.get(TRAINED, 0) >= ev.n:
        reference = Reference(data=world.data_spec, split=TRAINED, n=ev.n, judge=judge)
        found["train_features"] = reference.reading(*where)
    if world.attributes is not None:
        found["phrase_features"] = Reference(phrases=world.attributes, judge=judge).reading(*where)
    return found


def _measuring(world: World, ev: Evaluation, family: DeclaredFamily, judge: str | None) -> dict[str, Any]:
    """Return the fields that metrics and floors of a family share."""
    return {
        "family": family.spec,
        "n": ev.n,
        "judge": judge is not None,
        "judged_by": judge,
        "data": world.data_spec,
        "seed": ev.seed,
        "documents": DOCUMENTS if "document_frequency" in family.needs else None,
        "phrases": world.phrases([family]),
    }

"""The measuring part of the loop: samples are kept, one feature pass a judge serves every metric, one step a family.

Evaluation noise depends on the evaluation seed and the prompt id alone, so it is equal at every iteration, and the
steps of a model depend on its key alone, so cells that share a model share its evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from benchmarks.keys import STEP_VERSIONS, Spec, Step
from benchmarks.seeds import step_seed
from benchmarks.suite import Decodings, Evaluation
from benchmarks.world import Family, World

if TYPE_CHECKING:
    from benchmarks.loop import Walk

#: The real captions whose document frequencies CIDEr is pinned to: split and number of items.
DOCUMENTS = ("train", 4096)
#: Split that the testbed's own generators were trained on; memorisation is asked of its first items.
TRAINED = "train"


def _step(kind: str, where: tuple[str, int], inputs: dict[str, Any], **identity: Any) -> Step:
    label, t = where
    return Step(kind, STEP_VERSIONS[kind], identity, inputs, f"{label} t={t} {kind}", t)


def evaluate_model(walk: Walk, modality: str, t: int) -> Iterator[Step]:
    """Sample the live anchor on the evaluation split and measure the samples with every family of its side."""
    model = walk.models[modality][0]
    memo_key = (modality, model, walk.evaluation_digest)
    if memo_key not in walk.memo:
        where = (f"{walk.cell.label} {modality}", t)
        walk.memo[memo_key] = list(_evaluation_steps(walk.world, walk.cell.evaluate, modality, model, where))
    steps = walk.memo[memo_key]
    yield from steps
    for step in steps:
        if step.kind == "sample":  # none where the suite measures nothing of this modality
            walk.trace.samples.setdefault((modality, t), step.key)
    walk.trace.metrics.setdefault(t, []).extend(s.key for s in steps if s.kind == "metrics")
    if t == 0:
        walk.trace.floors.extend(s.key for s in steps if s.kind == "floor")


def _evaluation_steps(
    world: World, ev: Evaluation, modality: str, model: str, where: tuple[str, int]
) -> Iterator[Step]:
    families = world.families_of(modality)
    if not families:
        return
    sample = _sample(world, ev, modality, model, where, ev.n, 1, ev.decoding)
    yield sample
    inputs: dict[str, Any] = {"sample": sample.key}
    wanted = {need for f in families for need in f.needs}
    if wanted & {"draws", "draw_features"} and ev.draw_inputs:
        drawn = _sample(world, ev, modality, model, where, ev.draw_inputs, ev.draws, ev.draw_decoding)
        yield drawn
        inputs["draws"] = drawn.key
    judged: dict[str | None, dict[str, str]] = {None: {}}
    more: dict[str | None, dict[str, Step]] = {None: {}}
    if any(f.judged for f in families):
        wanted_judges = {name for _, name in families_by_judge(world, modality)}
        for judge in (j for j in world.models["judges"] if j.execution[0].name in wanted_judges):
            base, *references = _references(world, ev, judge, where)
            features = _step("features", where, {**inputs, "judge": base.key}, modality=modality)
            yield from [base, *references, features]
            evaluation, floor = (r.key for r in references)
            judged[judge.execution[0].name] = {"features": features.key, "evaluation": evaluation, "floor": floor}
            more[judge.execution[0].name] = _more(world, ev, base.key, where)
    for family, judge_name in families_by_judge(world, modality):
        common = _metric_identity(world, ev, family, judge_name)
        added = {need: step for need, step in more[judge_name].items() if need in family.needs}
        yield from added.values()
        reference = {**judged[judge_name], **{need: step.key for need, step in added.items()}}
        yield _step("metrics", where, {"sample": sample.key, **reference}, **common)
        reference.pop("features", None)
        yield _step("floor", where, reference, draws=ev.floor_draws, **common)


def families_by_judge(world: World, side: str) -> list[tuple[Family, str | None]]:
    """Return each family of a side once per judge that embeds what it needs, in the suite's order."""
    pairs: list[tuple[Family, str | None]] = []
    for family in world.families_of(side):
        pairs.extend((family, name) for name in (world.judges_of(family) if family.judged else [None]))
    return pairs


def _sample(
    world: World,
    ev: Evaluation,
    modality: str,
    model: str,
    where: tuple[str, int],
    n: int,
    draws: int,
    decodings: Decodings,
) -> Step:
    return _step(
        "sample", where, {"model": model}, data=world.data_spec, split="evaluation", modality=modality, n=n,
        draws=draws, decoding=getattr(decodings, modality), seed=step_seed(ev.seed, f"evaluate-{modality}-{draws}", 0),
    )  # fmt: skip


def _references(world: World, ev: Evaluation, judge: Spec, where: tuple[str, int]) -> Iterator[Step]:
    """The judge itself, then what it says of the evaluation split and of the floor split."""
    base = _step("base", where, {}, model=judge)
    yield base
    for split in ("evaluation", "floor"):
        yield _step("reference", where, {"judge": base.key}, data=world.data_spec, split=split, n=ev.n)


def trained(world: World) -> bool:
    """Whether the anchor generator is known to have been trained on items of this data set."""
    return any(TRAINED in generator.trained_on for generator in world.testbed.generators[:1])


def _more(world: World, ev: Evaluation, judge: str, where: tuple[str, int]) -> dict[str, Step]:
    """Return what else a judge can be asked that only some families need, by the name of the need."""
    found = {}
    # Equally many training and held-out images; for models that say what they were trained on.
    if trained(world) and world.data.sizes.get(TRAINED, 0) >= ev.n:
        found["train_features"] = _step(
            "reference", where, {"judge": judge}, data=world.data_spec, split=TRAINED, n=ev.n
        )
    if world.attributes is not None:
        found["phrase_features"] = _step("reference", where, {"judge": judge}, phrases=world.attributes)
    return found


def _metric_identity(world: World, ev: Evaluation, family: Family, judge: str | None) -> dict[str, Any]:
    phrases = {"phrases": world.attributes} if "phrase_features" in family.needs else {}
    return {
        **phrases,
        "family": family.identity,
        "n": ev.n,
        "judge": judge is not None,
        "data": world.data_spec,
        "seed": ev.seed,
        "documents": list(DOCUMENTS) if "document_frequency" in family.needs else None,
    }


def measure_set(walk: Walk, pool: str, t: int) -> Iterator[Step]:
    """Measure the set that is about to be trained on, with every family of side `set`."""
    world, ev = walk.world, walk.cell.evaluate
    where = (f"{walk.cell.label} set", t)
    features: dict[str | None, dict[str, str]] = {None: {}}
    for family, judge_name in families_by_judge(world, "set"):
        if judge_name not in features:
            judge = world.models["judges"][world.judge_names.index(judge_name)]  # type: ignore[arg-type]
            base, *references = _references(world, ev, judge, where)
            step = _step("features", where, {"pool": pool, "judge": base.key}, modality="set", n=ev.n, seed=ev.seed)
            yield from [base, *references, step]
            evaluation, floor = (r.key for r in references)
            features[judge_name] = {"features": step.key, "evaluation": evaluation, "floor": floor}
        step = _step(
            "metrics", where, {"pool": pool, **features[judge_name]}, **_metric_identity(world, ev, family, judge_name)
        )
        yield step
        walk.trace.sets.setdefault(t, []).append(step.key)

"""What a suite's metrics need of this machine, asked before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.metrics.java import runtime as java
from benchmarks.planning.evaluation import TRAINED, trained
from benchmarks.planning.plan import Plan
from benchmarks.steps import Base, Real, Reference, Sample, Step
from benchmarks.steps.measuring import Measuring
from benchmarks.study.testbed import ModelSpec
from benchmarks.study.world import KINDS, MISSING, World, model_folder, read_card
from lightning_modules.bases.small import RECIPES
from lightning_modules.weights.contents import card_digest, check_contents
from lightning_modules.weights.fetching import command, wanted, with_half
from lightning_modules.weights.sources import FETCH, MissingModel, snapshot
from records.canonical import Spec
from records.errors import UsageError
from records.names import judged_sides
from records.sources import declared


def unmet_needs(plan: Plan) -> list[str]:
    """Return one sentence for every metric family that will be absent, and why, and what to know of the data."""
    data, sentences = plan.world.data, data_notes(plan)
    lacking = {"java": None if java.runtime() else java.NO_JAVA, "spice": java.no_spice()}
    for family in plan.world.families:
        name = family.class_path.rpartition(".")[2]
        reasons = [reason for need, reason in lacking.items() if reason and need in family.needs]
        sentences.extend(f"metrics of {name} will be absent: {reason}" for reason in reasons)
        if "oracle" in family.needs and plan.world.data.oracle is None:
            sentences.append(f"metrics of {name} that read attributes will be absent: the data set has no oracle")
        if "phrase_features" in family.needs and plan.world.attributes is None:
            sentences.append(
                f"metrics of {name} will be absent: testbed {plan.world.testbed.name!r} names no list of attributes"
            )
        if "train_features" in family.needs and plan.world.models["generators"] and not trained(plan.world):
            why = f"the first generator does not name {TRAINED!r} under trained_on"
            sentences.append(f"metrics of {name} will be absent: {why}")
        elif "train_features" in family.needs and (have := data.sizes.get(TRAINED, 0)) < plan.suite.evaluate.n:
            why = f"split {TRAINED!r} has {have} items, and evaluate.n is {plan.suite.evaluate.n}"
            sentences.append(f"metrics of {name} will be absent: {why}")
    return sentences + _unserved(plan)


def data_notes(plan: Plan) -> list[str]:
    """Return what to know of the data, where they are here, and which judges and scorers know others."""
    data = plan.world.data
    notes = list(data.notes()) if hasattr(data, "notes") and data.missing() is None else []
    return notes + strangers(plan.world)


def strangers(world: World) -> list[str]:
    """Return one sentence for every judge and scorer whose card says that its recipe was followed on other data."""
    said, data = [], world.testbed.data
    for model in (*world.testbed.judges, *world.testbed.scorers):
        folder = model_folder(model)
        card = None if folder is None or model.recipe is not None else read_card(folder)
        recipe = RECIPES.get(str(card.get("recipe"))) if card else None
        if card is None or recipe is None:
            continue
        here = recipe.on(data.class_path, data.init_args, getattr(world.data, "identity", None))
        if card.get("recipe_digest") != here.digest:
            said.append(
                f"{model.name!r} was trained on other pictures than those of testbed {world.testbed.name!r}, and is to "
                f"measure these; with `recipe: {recipe.name}` it is trained on them"
            )
    return said


def _unserved(plan: Plan) -> list[str]:
    """Return one sentence for every judge that some families are not measured with."""
    world, sentences = plan.world, []
    judged = [f for f in world.families if f.judged]
    for name, kinds in world.embeds.items():
        left = [f.class_path.rpartition(".")[2] for f in judged if name not in world.judges_of(f)]
        if left:
            sentences.append(f"judge {name!r} embeds {' and '.join(kinds)} only: it does not measure {', '.join(left)}")
    sentences += [
        f"metrics of {f.class_path.rpartition('.')[2]} will be absent: no judge embeds all that they need"
        for f in judged
        if not world.judges_of(f)
    ]
    return sentences


def require_splits(plan: Plan) -> None:
    """Refuse a plan of which some step reads more of a split than the data set has.

    Raises:
        UsageError: Naming what reads it, the split and its size.
    """
    where, bed, sizes = plan.file, plan.world.testbed.name, plan.world.data.sizes
    asked = dict.fromkeys(one for step in plan.steps.values() for one in _splits_of(step))
    for reader, split, count in asked:
        if sizes.get(split, 0) < count:
            raise UsageError(
                f"{where}: {reader} reads {count} or more items of split {split!r}, of which testbed {bed!r} has "
                f"{sizes.get(split, 0)}; allowed: `{split}: {count}` or more under sizes there"
            )


def _splits_of(step: Step) -> Iterator[tuple[str, str, int]]:
    """Yield what reads a split, which one, and how many items it must have."""
    if isinstance(step, Measuring) and step.documents is not None:
        yield f"metrics: {step.family.execution.rpartition('.')[2]}", step.documents[0], 1  # fewer than it asks will do
    elif isinstance(step, (Real, Sample, Reference)) and step.split is not None:
        yield f"step {step.kind}", step.split, (getattr(step, "start", None) or 0) + (step.n or 0)


def present(plan: Plan) -> dict[str, Any]:
    """Return which data and models a study reads, and whether they are on this machine or are trained first."""
    data = plan.world.data
    missing = data.missing() if hasattr(data, "missing") else None
    models = []
    for role, specs in plan.world.models.items():
        used = {id(s.model) for s in plan.steps.values() if isinstance(s, Base)}
        for spec in specs:
            model: ModelSpec = spec.execution[0]
            if id(spec) in used:
                source = model.hub or model.folder or model.class_path
                facts: dict[str, Any] = {"present": _absent(spec) is None, "trained_first": "recipe" in spec.value}
                fetch: dict[str, str] = {} if model.hub is None else {"fetch": fetching(spec)}
                models.append({"name": model.name, "role": role, "source": source, **facts, **fetch})
    told = {"name": plan.world.testbed.name, "missing": missing, "notes": data_notes(plan)}
    return {"data": told, "models": models}


def fetching(spec: Spec) -> str:
    """Return the shell command that fetches what is read of a hub model; again, where what is here is not whole."""
    model: ModelSpec = spec.execution[0]
    reads = declared(model.class_path, "reads")
    files = None if reads is None else wanted(reads, declared(model.class_path, "embeds", KINDS))
    again = " --force-download" if _unfit(spec) else ""
    if again and files is not None:
        folder = snapshot(str(model.hub), model.revision)
        files, before = with_half(files, folder), files
        again = again if files == before else ""  # nothing that is here is wrong
    return command(str(model.hub), model.revision, files) + again


def fetch_lines(plan: Plan) -> list[str]:
    """Return a line for every model in files that a study reads: the command that fetches it, or why there is none."""
    lines = []
    specs = {step.model.digest: step.model for step in plan.steps.values() if isinstance(step, Base)}
    for spec in specs.values():
        model: ModelSpec = spec.execution[0]
        if not _has_weights(spec):
            continue
        problem = _absent(spec) or _unfit(spec)
        if problem is not None and model.hub is not None:
            lines.append(fetching(spec))
        else:
            lines.append(f"# {model.name}: {problem or 'there'}")
    return lines


def require_judged(plan: Plan) -> None:
    """Refuse scenarios whose trained models, or chains, no primary metric judges: their board would be empty.

    Raises:
        UsageError: Naming the first of them.
    """
    for row in plan.rows:
        sides = judged_sides(plan.cells[row.keys[0]].cell.scenario.trains)
        if not set(sides) & set(plan.suite.primary):
            allowed = "a metric of sets, since nothing trains" if sides == ("set",) else "a metric of what is trained"
            raise UsageError(
                f"{plan.file}: scenarios: {row.scenario}: {row.variant}: primary: found none of {' or '.join(sides)}; "
                f"allowed: {allowed}"
            )


def require_present(plan: Plan) -> None:
    """Refuse to start where data or models are not on this machine: nothing is downloaded at run time.

    Raises:
        UsageError: Naming the first thing that is missing, and how to get it.
    """
    data = plan.world.data
    missing = data.missing() if hasattr(data, "missing") else None
    if missing:
        raise UsageError(f"{plan.file}: testbed {plan.world.testbed.name!r}: data: {missing}")
    for step in (s for s in plan.steps.values() if isinstance(s, Base)):
        _require_weights(step.model, f"{plan.file}: testbed {plan.world.testbed.name!r}")


def require_fit(plan: Plan) -> None:
    """Refuse to plan with weights that are on this machine and are not whole, or not what their class loads.

    What is not there at all can be planned with: `present` says so, and `require_present` refuses a run.

    Raises:
        UsageError: Naming the first model, its file and what is wrong with it.
    """
    for step in (s for s in plan.steps.values() if isinstance(s, Base)):
        _refuse(step.model, _unfit(step.model), f"{plan.file}: testbed {plan.world.testbed.name!r}")


def _require_weights(spec: Spec, where: str) -> None:
    """Refuse weights that are not here, or are not what the model's class loads."""
    _refuse(spec, _absent(spec) or _unfit(spec), where)


def _refuse(spec: Spec, problem: str | None, where: str) -> None:
    if problem is not None:
        model: ModelSpec = spec.execution[0]
        raise UsageError(f"{where}: {model.name}: {'folder' if model.hub is None else 'hub'}: {problem}")


def _has_weights(spec: Spec) -> bool:
    """Return whether a model is read from files: others are trained here, or made from their arguments."""
    model: ModelSpec = spec.execution[0]
    return "recipe" not in spec.value and (model.folder is not None or model.hub is not None)


def _absent(spec: Spec) -> str | None:
    """Say that a model's weights are not on this machine, or None."""
    model: ModelSpec = spec.execution[0]
    if not _has_weights(spec):
        return None
    if spec.value.get("weights") == MISSING:
        return f"found {model.folder!r}, which is not there; allowed: a folder of weights"
    try:
        if model.hub is not None:
            snapshot(model.hub, model.revision)
    except MissingModel as error:
        return str(error)
    return None


def _unfit(spec: Spec) -> str | None:
    """Say what is wrong with weights that are on this machine, told from files alone, or None."""
    model: ModelSpec = spec.execution[0]
    if not _has_weights(spec) or _absent(spec) is not None:
        return None
    reads = declared(model.class_path, "reads")
    fetch = "" if model.hub is None else FETCH
    try:
        folder = model_folder(model) if model.hub is None else snapshot(model.hub, model.revision)
        assert folder is not None
        if reads is not None:
            who, takes = model.class_path.rpartition(".")[2], declared(model.class_path, "embeds", KINDS)
            check_contents(folder, reads, who, fetch, takes)
        said = card_digest(folder) if model.hub is None else None
    except MissingModel as error:
        return str(error)
    if said is not None and said != spec.value["weights"]:
        return (
            f"the files in {model.folder!r} have digest {spec.value['weights'][:12]}, and their card.json says "
            f"{said[:12]}; allowed: the card's files, or no card"
        )
    return None

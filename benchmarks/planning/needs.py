"""What a suite's metrics need of this machine, asked before anything runs."""

from __future__ import annotations

from typing import Any

from benchmarks.metrics.java import runtime as java
from benchmarks.planning.evaluation import TRAINED, trained
from benchmarks.planning.plan import Plan
from benchmarks.steps import Base
from benchmarks.study.testbed import ModelSpec
from benchmarks.study.world import MISSING, model_folder, read_card
from lightning_modules.weights.sources import MissingModel, check_contents, snapshot
from records.canonical import Spec
from records.errors import UsageError, brief
from records.sources import read_class


def unmet_needs(plan: Plan) -> list[str]:
    """Return one sentence for every metric family that will be absent, and why, and what to know of the data."""
    data = plan.world.data
    sentences = list(data.notes()) if hasattr(data, "notes") and data.missing() is None else []
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
        if "train_features" in family.needs and not trained(plan.world):
            why = f"the first generator does not name {TRAINED!r} under trained_on"
            sentences.append(f"metrics of {name} will be absent: {why}")
    return sentences + _unserved(plan)


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
                facts = {"present": _missing(spec) is None, "trained_first": "recipe" in spec.value}
                models.append({"name": model.name, "role": role, "source": source, **facts})
    return {"data": {"name": plan.world.testbed.name, "missing": missing}, "models": models}


def require_judged(plan: Plan) -> None:
    """Refuse scenarios whose trained models no primary metric judges: their board would be empty.

    Raises:
        UsageError: Naming the first of them.
    """
    for row in plan.rows:
        trains = plan.cells[row.keys[0]].cell.scenario.trains
        if not set(trains) & set(plan.suite.primary):
            raise UsageError(
                f"{plan.file}: scenarios: {row.scenario}: {row.variant}: primary: found none of {' or '.join(trains)}; "
                "allowed: a metric of what is trained"
            )


def require_right(plan: Plan) -> None:
    """Refuse to plan with weights that are on this machine and are others than the study names.

    What is not here can be planned with: `plan` says what is needed.

    Raises:
        UsageError: Naming the first of them.
    """
    for step in (s for s in plan.steps.values() if isinstance(s, Base)):
        if _absent(step.model) is None:
            _require_weights(step.model, f"{plan.file}: testbed {plan.world.testbed.name!r}")


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


def _require_weights(spec: Spec, where: str) -> None:
    """Refuse weights that are not here, or are not what the model's class loads."""
    problem = _missing(spec)
    if problem is not None:
        model: ModelSpec = spec.execution[0]
        raise UsageError(f"{where}: {model.name}: {'folder' if model.hub is None else 'hub'}: {problem}")


def _missing(spec: Spec) -> str | None:
    """Say what is wrong with a model's weights, told from files alone, or None."""
    return _absent(spec) or _wrong(spec)


def _absent(spec: Spec) -> str | None:
    """Say which weights are not on this machine, or None; those of a recipe are made here, some models have none."""
    model: ModelSpec = spec.execution[0]
    if "recipe" in spec.value or (model.folder is None and model.hub is None):
        return None
    if spec.value.get("weights") == MISSING:
        return f"found {model.folder!r}, which is not there; allowed: a folder of weights"
    try:
        snapshot(model.hub, model.revision) if model.hub is not None else None
    except MissingModel as error:
        return str(error)
    return None


def _wrong(spec: Spec) -> str | None:
    """Say why weights that are here are not those that the study names, or None."""
    model: ModelSpec = spec.execution[0]
    if "recipe" in spec.value or (model.folder is None and model.hub is None):
        return None
    folder = model_folder(model)
    said = (read_card(folder) or {}).get("digest") if folder is not None else None
    if said is not None and said != spec.value["weights"]:
        files, found = brief(str(model.folder), 40), spec.value["weights"]
        return (
            f"the files in {files!r} have digest {found[:12]}, and their card.json says {said[:12]}; allowed: "
            "those that the card was written for, or no card"
        )
    fetch = "" if model.hub is None else f"hf download {model.hub} --revision {model.revision}"
    reads = read_class(model.class_path).literals.get("reads")
    try:
        folder = model_folder(model) if model.hub is None else snapshot(model.hub, model.revision)
        if reads is not None and folder is not None:
            check_contents(folder, reads, model.class_path.rpartition(".")[2], fetch)
    except MissingModel as error:
        return str(error)
    return None

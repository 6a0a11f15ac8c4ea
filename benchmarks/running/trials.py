"""Which models a run tries before anything is computed, and what is said where one of them is of no use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.planning.plan import Plan
from benchmarks.running.agenda import Failure
from benchmarks.running.assemble import versions
from benchmarks.steps import Base, Fit, Images, Step
from benchmarks.steps.trial import Trial
from benchmarks.storage.store import Store
from lightning_modules.settings import FitSettings
from records.canonical import canonical
from records.errors import StepError, UsageError


def trials(plan: Plan, steps: Sequence[Step], store: Store) -> list[Trial]:
    """Return the trials of all models in files that some steps of a plan work with or read.

    Members of ensembles that are met late, judges and scorers too. What has been tried in this store with equal files,
    decodings and packages is not tried again.
    """
    used = {step.key for step in steps} | {parent for step in steps for parent in step.parents}
    used |= {plan.origins[step.key] for step in steps}
    names = {spec.digest: f"{role[:-1]} {spec.execution[0].name}"
             for role, specs in plan.world.models.items() for spec in specs}  # fmt: skip
    asked, fits = _decodings(plan), _fits(plan)
    drawn = {plan.origins[k] for k, step in plan.steps.items() if isinstance(step, Images)}
    done = store.done()
    found = (
        Trial(
            where=names.get(step.model.digest, step.spec.name), authored=step.authored, versions=step.versions,
            model=step.key,
            decodings=tuple(asked.get(step.key, ())), settings=tuple(fits.get(step.key, ())),
            data=plan.world.data_spec, sized=step.key in drawn,
            packages=versions(),
        )
        for step in plan.steps.values() if isinstance(step, Base) and step.in_files and step.key in used
    )  # fmt: skip
    return [trial for trial in found if trial.key not in done]


def _decodings(plan: Plan) -> dict[str, list[Any]]:
    """Return how each base model, and what is trained from it, is sampled: every decoding once."""
    found: dict[str, dict[str, Any]] = {}
    for key, step in plan.steps.items():
        decoding = getattr(step, "decoding", None)
        if decoding is not None:
            found.setdefault(plan.origins[key], {})[canonical(decoding)] = decoding
    return {base: list(each.values()) for base, each in found.items()}


def _fits(plan: Plan) -> dict[str, list[FitSettings]]:
    """Return how each base model, and what is trained from it, is trained: a fit of every precision and adapter."""
    found: dict[str, dict[str, FitSettings]] = {}
    for key, step in plan.steps.items():
        if isinstance(step, Fit) and step.settings.steps:
            told = step.settings
            kind = canonical([told.precision, told.lora, told.min_snr > 0])
            found.setdefault(plan.origins[key], {}).setdefault(kind, told)
    return {base: list(each.values()) for base, each in found.items()}


def refuse(plan: Plan, failures: Sequence[Failure]) -> None:
    """Refuse to go on where a model that comes first failed: what is computed with others would end without it.

    Raises:
        UsageError: In the words in which a plan refuses a folder; the first model, and the names of others.
        StepError: None is to blame, but the store, or what ended a process.
    """
    first = sorted((failure for failure in failures if failure.step.first), key=lambda failure: failure.spared)
    alike = [failure for failure in first if failure.spared == first[0].spared]
    failed = [(_spec(plan, failure.step), failure.message) for failure in alike]
    if failed:
        (model, message), others = failed[0], [spec.name for spec, _ in failed[1:]]
        more = f" (and {', '.join(others)})" if others else ""
        where = f"{plan.file}: testbed {plan.world.testbed.name!r}: {model.name}{more}"
        if alike[0].spared:
            raise StepError(f"{where}: could not be tried: {message}")
        raise UsageError(f"{where}: {'folder' if model.hub is None else 'hub'}: {message}")


def _spec(plan: Plan, step: Step) -> Any:
    base: Any = plan.steps[step.model] if isinstance(step, Trial) else step
    return base.spec

"""How many pairs, iterations and evaluation items a scenario has in a suite, and how it is sampled and trained."""

from __future__ import annotations

from dataclasses import asdict
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

from benchmarks.study.suite import Scenario, ScenarioEntry, Suite
from records.codec import decode
from records.errors import UsageError


def settings(suite: Suite, file: Path, entry: ScenarioEntry, scenario: Scenario) -> dict[str, Any]:
    """Return sizes and settings of a scenario: the suite's, the entry's changes, the scenario's decoding.

    Raises:
        UsageError: A decoding or a size is out of range.
    """
    where = f"{file}: scenarios: {entry.file}"
    try:
        generate = changed(
            suite.generate,
            captioner=_set(suite.generate.captioner, scenario.decoding.captioner, "decoding.captioner"),
            generator=_set(suite.generate.generator, scenario.decoding.generator, "decoding.generator"),
        )
        n = entry.n or suite.n
        if scenario.budget is not None and scenario.budget.equal == "evaluations":
            mine = getattr(generate, scenario.budget.modality)
            swept = getattr(suite.generate, scenario.budget.modality)
            reference = _set(swept, scenario.budget.reference, "budget.reference")
            n = max(1, round(n * reference.evaluations / mine.evaluations))
        fit = suite.fit
        for modality, steps in entry.fit_steps.items():
            fit = changed(fit, **{modality: changed(getattr(fit, modality), steps=steps)})
        evaluate = suite.evaluate
        if entry.evaluate_n is not None:
            inputs = round(evaluate.draw_inputs * entry.evaluate_n / evaluate.n)
            evaluate = changed(evaluate, n=entry.evaluate_n, draw_inputs=inputs)
    except ValueError as error:
        raise UsageError(f"{where}: {scenario.variant}: {error}") from error
    return {
        "iterations": entry.iterations or suite.iterations, "n": n, "fit": fit, "generate": generate,
        "evaluate": evaluate, "shard": suite.shard,
    }  # fmt: skip


def _set(decoding: Any, patch: dict[str, Any], key: str) -> Any:
    """Return a decoding with some of its fields set, each of the type that it declares.

    Raises:
        ValueError: A field is unknown, of another type or out of range; begins with `key`.
    """
    try:
        return decode(type(decoding), {**asdict(decoding), **patch})
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error

"""Choosing a method's knobs: every value of its declared search space, on seeds that are not scored.

Each variant is an ordinary method in a file of its own, run by the same engine beside the same controls. The author
reads the table and commits the choice, with the seeds it was made on (`tuned_on`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.methods.ready import check_search, with_knobs
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.study.loading import load_mitigation, load_suite
from records.errors import UsageError
from records.files import write_text
from records.overrides import heads
from records.yaml_text import yaml_text


def plan_tuning(
    suite_name: str, overrides: Sequence[str], method: str, seeds: Sequence[int], folder: Path
) -> tuple[Plan, list[str]]:
    """Plan a suite with every variant of a method.

    Args:
        suite_name: A shipped suite's name or a file.
        overrides: Command-line overrides.
        method: The method, with a `search`.
        seeds: To tune on.
        folder: Where the variants' files are written, one a variant.

    Returns:
        The plan, whose suite is called `NAME_tuning`, and the variants' files.

    Raises:
        UsageError: The method declares no search space, or the seeds are scored.
    """
    suite, file = load_suite(suite_name, overrides)
    if "name" in heads(overrides):
        raise UsageError(f"--name: found beside tune, which calls the study {suite.name}_tuning; allowed: no --name")
    scored = {seed for own in (suite.seeds, *(entry.seeds or () for entry in suite.scenarios)) for seed in own}
    if not seeds or scored & set(seeds):
        raise UsageError(
            f"--seeds: found {sorted(seeds)}; allowed: one or more seeds that {file} does not score "
            f"(it scores {sorted(scored)})"
        )
    fixed = [entry.file for entry in suite.scenarios if entry.seeds is not None]
    if fixed:
        raise UsageError(
            f"{file}: scenarios: {fixed[0]}: seeds: found seeds of its own, which --seeds would leave as they are; "
            "allowed: a suite whose scenarios take the suite's seeds"
        )
    spec = load_mitigation(method, file.parent)
    check_search(spec, method)
    if not spec.search:
        raise UsageError(f"mitigation {method}: search: found nothing; allowed: {{knob: [values]}} to tune it over")
    variants: list[str] = []
    folder.mkdir(parents=True, exist_ok=True)
    for values in itertools.product(*spec.search.values()):
        knobs = dict(zip(spec.search, values, strict=True))
        name = f"{spec.name}[{', '.join(f'{knob}={value}' for knob, value in knobs.items())}]"
        data = {k: v for k, v in asdict(with_knobs(spec, knobs, name)).items() if v and k != "tuned_on"}
        target = folder / f"{spec.name}_{len(variants)}.yaml"
        write_text(target, yaml_text(data))
        variants.append(str(target))
    mine = [*overrides, "--seeds", str(list(seeds)), "--name", f"{suite.name}_tuning"]
    return make_plan(suite_name, mine, variants, tuned=True), variants

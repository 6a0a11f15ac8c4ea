"""What a method says of sizes when it is planned, held against the splits that it draws from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from benchmarks.methods.hooks import Mitigation
from benchmarks.methods.written import counted
from benchmarks.steps.items import PROMPT_SPLIT
from benchmarks.study.suite import Scenario


def check_counts(
    name: str, hooks: Mitigation, scenario: Scenario, sizes: Mapping[str, int], n: int, iterations: int
) -> None:
    """Refuse counts that are none, or more than there is.

    Args:
        name: Of the method.
        hooks: Its.
        scenario: That it is asked for.
        sizes: Items by split.
        n: Of the scenario.
        iterations: Likewise.

    Raises:
        UsageError: A count fails, or is no whole number.
        ValueError: Naming what the method needs and what is allowed.
    """
    rounds = range(1, iterations + 1)
    for t in rounds if hooks.overrides("draw_count") else ():
        _check_draws(name, counted(partial(hooks.draw_count, t, n), 1, name, "draw_count"), t, scenario, sizes, n)
    for t in rounds if hooks.overrides("curate") else ():
        counted(partial(hooks.pool_size, t, n), 1, name, "pool_size")
    wanted = counted(partial(hooks.reserve_items, n), 0, name, "reserve_items") * iterations
    size = sizes.get("reserve", 0)
    if wanted > size:
        raise ValueError(
            f"mitigation {name}: needs {wanted} items of split 'reserve' over {iterations} iterations; "
            f"allowed: at most {size}"
        )


def _check_draws(name: str, found: int, t: int, scenario: Scenario, sizes: Mapping[str, int], n: int) -> None:
    where = f"mitigation {name}: draw_count: found {found} in iteration {t} of {scenario.name}/{scenario.variant}"
    size = sizes.get(PROMPT_SPLIT, 0)
    if found > size:
        raise ValueError(f"{where}, at n: {n}; allowed: at most {size}, the size of split {PROMPT_SPLIT!r}")
    if found != n and scenario.prompts == "previous_captions":
        raise ValueError(
            f"{where}, which asks for the {n} captions of the iteration before; allowed: {n}, or an `applies` that "
            "leaves it out"
        )

"""How small is small enough to call it nothing: a margin that a suite declares, or a quarter of what is at stake."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from leaderboard import statistics as st
from leaderboard.claims.finding import Part, Undecided, tails
from leaderboard.claims.terms import Collapse, alike, one_protocol, read
from leaderboard.grain import difference
from leaderboard.series import Evidence, Series
from leaderboard.statistics import Array
from records.findings import Statistic
from records.names import CONTROLS, RowName

#: Of the collapse, `none` less `real`, or of what `real` learns: what is smaller is not worth a method, or a warning.
SHARE = 0.25


def check_margin(margin: float | None) -> None:
    """Refuse a margin that is no size.

    Raises:
        ValueError: One sentence on what was found and what is allowed.
    """
    if margin is not None and not 0 < margin < math.inf:
        raise ValueError(f"margin: found {margin}; allowed: a finite number above 0")


def with_margin(part: Part, values: ArrayLike, margins: Array | None, least: float) -> Part:
    """Return a part of a claim that knows whether its effect is negligible; without margins it cannot be.

    Two one-sided t tests at 5 %: the 90 % interval of the effect lies inside the margin (Schuirmann 1987, Journal of
    Pharmacokinetics and Biopharmaceutics 15). A margin that was itself measured, one number a seed, is held against the
    effect seed by seed as well, so that its noise counts.
    """
    if margins is None or part.n < st.SEEDS_FOR_INTERVALS:
        return part
    x, margin = np.asarray(values, dtype=np.float64), float(margins.mean())
    limits: list[ArrayLike] = [margin, margins] if np.ptp(margins) else [margin]
    p_value = max(tails(difference(limit, end), least)[0] for limit in limits for end in (x, -x))
    return part.beside(margin, p_value if margin > 0 else 1.0)


def declared(margin: float | None, seeds: int) -> Array | None:
    """Return a suite's own margin, the same at every seed."""
    return None if margin is None else np.full(seeds, margin)


def quarter_of_collapse(
    evidence: Evidence, series: Series, statistic: Statistic, collapse: Collapse | None
) -> Array | None:
    """Return the margin of a comparison whose suite declares none, a number a seed; None where nothing collapsed.

    Args:
        evidence: Rows and results.
        series: Of the row that the other is compared with.
        statistic: What is compared.
        collapse: The controls that a claim names; else those of the row's group, or of its parent's.
    """
    none, real = (collapse.none, collapse.real) if collapse else _controls(evidence, series.row)
    evidence = evidence.at(series.seeds)  # controls may be planned at more
    if series.direction == "none" or not none or not real:
        return None
    try:
        Collapse(none, real).demand(evidence, series.metric)
        controls = [read(evidence, row, series.metric) for row in (none, real)]
        alike([series, *controls], ("seeds", "iterations", "metric"))
        one_protocol([series, *controls])
    except Undecided:
        return None
    return SHARE * difference(*(control.damage(statistic) for control in controls))


def quarter_of_learned(series: Series) -> Array:
    """Return a quarter of what a row improved from 0 to T, a number a seed; below 0 where it got worse."""
    return -SHARE * series.worsening()


def _controls(evidence: Evidence, row: str) -> tuple[str, str]:
    """Return the names of the controls of a row's group, or of its parent's; "" where there are none."""
    found = evidence.row(row)
    from leaderboard.controls import parent_group  # scipy.stats, which no plan needs

    group = parent_group(found, tuple(evidence.rows)) if found.parent else found.group
    if group is None:
        return "", ""
    none, real = (str(RowName(*group, control)) for control in CONTROLS)
    return none, real

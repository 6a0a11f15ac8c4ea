"""A claim about a knob: the more of it, the less, or the more, damage.

A line through three equal steps does not see the middle one. So a claim has a sign only where no step from a level to
the next clearly goes against the line, and is negligible only where no two levels differ by as much as the margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Literal

import numpy as np

from leaderboard.claims.finding import SEEDS_TO_DECIDE, Finding, mean_part, seeds_reason, tails
from leaderboard.claims.margin import check_margin, declared, quarter_of_collapse, with_margin
from leaderboard.claims.terms import Collapse, beyond, comparable, named, reaches, read
from leaderboard.grain import difference, grain
from leaderboard.series import Evidence
from leaderboard.statistics import LEVEL, SEEDS_FOR_INTERVALS, Array
from records.findings import Statistic
from records.names import MetricName, RowName


@dataclass(frozen=True)
class Level:
    """One setting of the knob, the row that ran with it, and a row whose damage is subtracted, such as its `real`."""

    dose: float
    row: str
    control: str = ""

    def __post_init__(self) -> None:
        """Check the names of the rows."""
        RowName.parse(self.row, "levels: row")
        if self.control:
            RowName.parse(self.control, "levels: control")


@dataclass(frozen=True)
class Dose:
    """Damage against a knob: per seed a least-squares line through the levels, its slope tested over seeds.

    One step of the knob that goes against the line (one-sided, 5 %) takes the claim its sign.

    Attributes:
        levels: Two or more settings; read at the seeds that all are planned at.
        metric: `side/metric`.
        expect: Whether damage goes down (`less`) or up (`more`) with the dose.
        scale: `log` = effects are per doubling of the dose; `linear` = per unit.
        statistic: What counts as damage.
        collapse: Rows that must have collapsed first; None = nothing is asked.
        same_n: Whether N must agree; False at equal network evaluations, where it differs by design.
        margin: An effect inside +-margin is negligible, in its units; None = a quarter of the collapse over the whole
            range of doses, where the claim names a collapse, and else no effect is.
        iterations: Smallest T that the statement is about.
        seeds: Fewest seeds that decide.
    """

    levels: tuple[Level, ...]
    metric: str
    expect: Literal["less", "more"]
    scale: Literal["log", "linear"] = "log"
    statistic: Statistic = "worsening"
    collapse: Collapse | None = None
    same_n: bool = True
    margin: float | None = None
    iterations: int = 1
    seeds: int = SEEDS_TO_DECIDE

    def __post_init__(self) -> None:
        """Check the metric and the doses."""
        MetricName.parse(self.metric, "metric")
        doses = [level.dose for level in self.levels]
        if len(set(doses)) < 2 or len(set(doses)) < len(doses):
            raise ValueError(f"levels: found doses {doses}; allowed: two or more, each once")
        check_margin(self.margin)
        if self.scale == "log" and min(doses) <= 0:
            raise ValueError(f"levels: found dose {min(doses)} on a log scale; allowed: above 0")

    def judge(self, evidence: Evidence) -> Finding:
        """Test the slope, every step from a level to the next, and every two levels.

        Raises:
            Undecided: Rows cannot be read or compared, or nothing collapsed.
        """
        levels = sorted(self.levels, key=lambda level: level.dose)
        rows = [name for level in levels for name in (level.row, level.control)]
        evidence = evidence.paired(*rows, *named(self.collapse))
        series = [read(evidence, level.row, self.metric) for level in levels]
        comparable(series, self.same_n)
        reaches(series[0], self.iterations)
        if series[0].direction == "none":
            return Finding((), f"{series[0].metric} has no direction, so nothing is damage")
        if self.collapse is not None:
            self.collapse.demand(evidence, self.metric, series)
        doses = np.array([level.dose for level in levels], dtype=np.float64)
        x = np.log2(doses) if self.scale == "log" else doses
        x = x - x.mean()
        controls = [level.control for level in levels]
        damage = np.stack(
            [beyond(evidence, s, control, self.statistic) for s, control in zip(series, controls, strict=True)]
        )  # (levels, seeds)
        per_seed = x @ damage / float(x @ x)
        grains = grain(damage, series[0].items(self.statistic))
        least = grains / float(np.sqrt(x @ x))
        unit = "doubling" if self.scale == "log" else "unit"
        label = f"{series[0].metric}, {self.statistic} per {unit}"
        part = mean_part(label, per_seed, -1 if self.expect == "less" else 1, least)
        whole = None if self.margin is None else declared(self.margin * float(np.ptp(x)), len(per_seed))
        if whole is None and self.collapse is not None:
            whole = quarter_of_collapse(evidence, series[0], self.statistic, self.collapse)
        if whole is not None:
            part = with_margin(part, per_seed, whole / float(np.ptp(x)), least)
            gaps = [difference(more, fewer) for fewer, more in combinations(damage, 2)]
            sizes = [with_margin(mean_part("", gap, 1, grains), gap, whole, grains).p_negligible for gap in gaps]
            part = replace(part, p_negligible=max(part.p_negligible, *sizes))
        bent = _bent([level.dose for level in levels], damage, float(per_seed.mean()), grains)
        return Finding((part,), seeds_reason([part], self.seeds), bent)


def _bent(doses: Sequence[float], damage: Array, slope: float, least: float) -> str:
    """Return which step of the knob goes clearly against the line through all; "" where none does.

    Args:
        doses: From low to high.
        damage: (levels, seeds), in their order.
        slope: Of the line.
        least: The smallest spread over seeds that is believed.
    """
    if damage.shape[1] < SEEDS_FOR_INTERVALS:
        return ""
    for (low, high), (before, after) in zip(pairwise(doses), pairwise(damage), strict=True):
        step = difference(after, before)
        above, below = tails(step, least)
        if slope and (above if slope < 0 else below) <= 1 - LEVEL:
            way, size = "more" if slope < 0 else "less", abs(float(step.mean()))
            return f"not the whole way: from {low:g} to {high:g} there is {way} damage, by {size:.3g}"
    return ""

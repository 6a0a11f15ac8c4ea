"""A claim about a knob: the more of it, the less, or the more, damage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from leaderboard.claims.finding import SEEDS_TO_DECIDE, Finding, mean_part, seeds_reason
from leaderboard.claims.margin import check_margin, declared, quarter_of_collapse, with_margin
from leaderboard.claims.terms import Collapse, beyond, comparable, named, reaches, read
from leaderboard.grain import grain
from leaderboard.series import Evidence
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
        """Test the slope.

        Raises:
            Undecided: Rows cannot be read or compared, or nothing collapsed.
        """
        rows = [name for level in self.levels for name in (level.row, level.control)]
        evidence = evidence.paired(*rows, *named(self.collapse))
        series = [read(evidence, level.row, self.metric) for level in self.levels]
        comparable(series, self.same_n)
        reaches(series[0], self.iterations)
        if series[0].direction == "none":
            return Finding((), f"{series[0].metric} has no direction, so nothing is damage")
        if self.collapse is not None:
            self.collapse.demand(evidence, self.metric)
        doses = np.array([level.dose for level in self.levels], dtype=np.float64)
        x = np.log2(doses) if self.scale == "log" else doses
        x = x - x.mean()
        controls = [level.control for level in self.levels]
        damage = np.stack(
            [beyond(evidence, s, control, self.statistic) for s, control in zip(series, controls, strict=True)]
        )  # (levels, seeds)
        per_seed = x @ damage / float(x @ x)
        least = grain(damage, series[0].items(self.statistic)) / float(np.sqrt(x @ x))
        unit = "doubling" if self.scale == "log" else "unit"
        label = f"{series[0].metric}, {self.statistic} per {unit}"
        part = mean_part(label, per_seed, -1 if self.expect == "less" else 1, least)
        margins = declared(self.margin, len(per_seed))
        if margins is None and self.collapse is not None:
            quarter = quarter_of_collapse(evidence, series[0], self.statistic, self.collapse)
            margins = None if quarter is None else quarter / float(np.ptp(x))
        return Finding((with_margin(part, per_seed, margins, least),), seeds_reason([part], self.seeds))

"""A claim about two loops: one is damaged less, or more, than the other at the same seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leaderboard.claims.finding import SEEDS_TO_DECIDE, Finding, Part, mean_part, seeds_reason
from leaderboard.claims.margin import check_margin, declared, quarter_of_collapse, quarter_of_learned, with_margin
from leaderboard.claims.terms import Collapse, beyond, comparable, named, reaches, read
from leaderboard.grain import difference, grain
from leaderboard.series import Evidence
from records.findings import Statistic
from records.names import MetricName, RowName


@dataclass(frozen=True)
class Difference:
    """Row `a` against row `b`, paired over seeds, for every metric.

    Attributes:
        a: The row that the statement is about.
        b: The row it is compared with.
        a_control: A row whose damage is subtracted from that of `a`, such as its `real`; "" = none.
        b_control: The same for `b`.
        metrics: `side/metric`; the claim holds only where it does for every one.
        expect: Whether `a` ends `better` or `worse` than `b`.
        statistic: What is compared; `worsening` by default.
        collapse: Rows that must have collapsed first; None = nothing is asked.
        same_n: Whether N must agree; False at equal network evaluations, where it differs by design.
        margin: A difference inside +-margin is negligible, in units of the statistic; None = a quarter of `margin_of`.
        margin_of: The `collapse`, or what `b` has `learned`, which is how far it improved from 0 to T: for a world with
            something new in it, where half of the gap between `none` and `real` is what `none` loses.
        iterations: Smallest T that the statement is about.
        seeds: Fewest seeds that decide.
    """

    a: str
    b: str
    metrics: tuple[str, ...]
    expect: Literal["better", "worse"]
    a_control: str = ""
    b_control: str = ""
    statistic: Statistic = "worsening"
    collapse: Collapse | None = None
    same_n: bool = True
    margin: float | None = None
    margin_of: Literal["collapse", "learned"] = "collapse"
    iterations: int = 1
    seeds: int = SEEDS_TO_DECIDE

    def __post_init__(self) -> None:
        """Check names and that there is something to test."""
        RowName.parse(self.a, "a")
        RowName.parse(self.b, "b")
        for key in ("a_control", "b_control"):
            if getattr(self, key):
                RowName.parse(getattr(self, key), key)
        if not self.metrics:
            raise ValueError("metrics: found none; allowed: one or more")
        for metric in self.metrics:
            MetricName.parse(metric, "metrics")
        check_margin(self.margin)
        if self.margin_of == "learned" and (self.margin is not None or self.statistic != "worsening"):
            raise ValueError("margin_of: found learned; allowed: without a margin, and with the statistic worsening")

    def judge(self, evidence: Evidence) -> Finding:
        """Test the difference of every metric.

        Raises:
            Undecided: Rows cannot be read or compared, or nothing collapsed.
        """
        evidence = evidence.paired(self.a, self.b, self.a_control, self.b_control, *named(self.collapse))
        parts: list[Part] = []
        for metric in self.metrics:
            a, b = read(evidence, self.a, metric), read(evidence, self.b, metric)
            comparable([a, b], self.same_n)
            reaches(a, self.iterations)
            if a.direction == "none":
                return Finding((), f"{a.metric} has no direction, so neither row is better")
            if self.collapse is not None:
                self.collapse.demand(evidence, metric, (a, b))
            sign = -1 if self.expect == "better" else 1
            damage = beyond(evidence, a, self.a_control, self.statistic)
            values = difference(damage, beyond(evidence, b, self.b_control, self.statistic))
            least = grain(values, a.items(self.statistic))
            part = mean_part(f"{a.metric}, {self.statistic} of a less that of b", values, sign, least)
            margins = declared(self.margin, len(values))
            if self.margin_of == "learned":
                margins = quarter_of_learned(b)
            elif margins is None:
                margins = quarter_of_collapse(evidence, b, self.statistic, self.collapse)
            parts.append(with_margin(part, values, margins, least))
        return Finding(tuple(parts), seeds_reason(parts, self.seeds))

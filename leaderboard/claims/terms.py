"""What several kinds of claims share: rows that may be compared, and controls that must have collapsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leaderboard import statistics as st
from leaderboard.claims.finding import Undecided
from leaderboard.grain import ROUNDING, above, difference, grain
from leaderboard.series import Evidence, NoSeries, Series
from leaderboard.statistics import Array
from records.findings import Statistic
from records.names import GroupName, MetricName, RowName


@dataclass(frozen=True)
class Collapse:
    """Rows that must show collapse first, without which there is nothing to prevent and nothing to compare.

    Attributes:
        none: The row that must get worse, by more than the metric's minimum effect with its whole 95 % interval.
        real: The same fits on real pairs, whose worsening is subtracted; "" where the suite has no such row. As on a
            board it may lose a quarter of what `none` does, or the fits themselves are what does damage.
        metric: `side/metric` that must have; "" = the one that the claim is about.
    """

    none: str
    real: str = ""
    metric: str = ""

    def __post_init__(self) -> None:
        """Check the names of the rows."""
        RowName.parse(self.none, "collapse: none")
        if self.real:
            RowName.parse(self.real, "collapse: real")
        if self.metric:
            MetricName.parse(self.metric, "collapse: metric")

    def demand(self, evidence: Evidence, metric: str, beside: Sequence[Series] = ()) -> None:
        """Raise where there was no collapse of a metric, or of the one that was named.

        Args:
            evidence: Rows and results.
            metric: What must have collapsed, unless the claim names another one.
            beside: Rows that the claim compares: of the same metric they must be of the controls' protocol.

        Raises:
            Undecided: With the reason.
        """
        metric = self.metric or metric
        none = read(evidence, self.none, metric)
        change = none.worsening()
        one_protocol([none, *(series for series in beside if series.metric == none.metric)])
        if self.real:
            real = read(evidence, self.real, metric)
            comparable([none, real])
            change = difference(change, real.worsening())
        interval = st.t_interval(change, least=grain(change, none.items("worsening")))
        if not above(interval.low, none.minimum_effect):
            raise Undecided(
                f"control did not collapse: {self.none} worsens by {interval.mean:.3g} "
                f"[{interval.low:.3g}, {interval.high:.3g}], minimum effect {none.minimum_effect:.3g}"
            )
        found = st.validity(none.worsening(), real.worsening()) if self.real else None
        if found is not None and found.valid is False:
            raise Undecided(
                f"invalid controls: {self.real} worsens by {found.share:.0%} of {self.none}, limit "
                f"{st.VALIDITY_SHARE:.0%}"
            )


def named(collapse: Collapse | None) -> tuple[str, ...]:
    """Return the rows that must have collapsed, where a claim names any."""
    return () if collapse is None else (collapse.none, collapse.real)


def read(evidence: Evidence, row: str, metric: str) -> Series:
    """Return a series.

    Raises:
        Undecided: There is none, with the reason.
    """
    try:
        return evidence.series(row, metric)
    except NoSeries as reason:
        raise Undecided(str(reason)) from reason


def comparable(series: Sequence[Series], same_n: bool = True) -> None:
    """Check that rows may be compared seed by seed.

    Args:
        series: Of one metric.
        same_n: Whether N has to agree; it differs by design at equal network evaluations.

    Raises:
        Undecided: Seeds, T, N, metric, protocol or kind of host differ.
    """
    alike(series, ("seeds", "iterations", "n", "metric") if same_n else ("seeds", "iterations", "metric"))
    one_protocol(series)
    if len(frozenset().union(*(s.hosts for s in series))) > 1:
        raise Undecided("the rows ran on different kinds of hosts, so their seeds are not paired")


def alike(series: Sequence[Series], facts: Sequence[str]) -> None:
    """Check that series agree in some of their facts.

    Raises:
        Undecided: One differs.
    """
    first = series[0]
    for other in series[1:]:
        for fact in facts:
            a, b = getattr(first, fact), getattr(other, fact)
            if a != b:
                name = {"iterations": "T", "n": "N"}.get(fact, fact)
                raise Undecided(f"{name} differs: {a} in {first.row}, {b} in {other.row}")


def one_protocol(series: Sequence[Series]) -> None:
    """Check that rows of one scenario variant were measured by one protocol, as the board does.

    The digest holds the scenario, too, so that rows of two scenarios have two by design, and nothing that is recorded
    says which part of it differs.

    Raises:
        Undecided: Two rows of a variant differ.
    """
    first: dict[GroupName, Series] = {}
    for other in series:
        known = first.setdefault(RowName.parse(other.row).group, other)
        if len(known.own_protocols | other.own_protocols) > 1:
            raise Undecided(f"{known.row} and {other.row} differ in protocol")
        if not known.own_protocols:  # every cell is shared: what its own protocol would be is not known
            first[RowName.parse(other.row).group] = other


def reaches(series: Series, iterations: int) -> None:
    """Check that a loop is as long as a statement says.

    Raises:
        Undecided: It is shorter.
    """
    if series.iterations < iterations:
        raise Undecided(f"T = {series.iterations}; the statement is about {iterations} or more")


def beyond(evidence: Evidence, series: Series, control: str, statistic: Statistic) -> Array:
    """Return the damage of a row over seeds, less that of its control where it has one.

    Raises:
        Undecided: The control cannot be read or compared.
    """
    damage = series.damage(statistic)
    if not control:
        return damage
    other = read(evidence, control, series.metric)
    comparable([series, other])
    return difference(damage, other.damage(statistic))


def varying(values: Array, what: str) -> Array:
    """Return the values.

    Raises:
        Undecided: All are the same, so nothing can go along with them.
    """
    if np.ptp(values) <= ROUNDING * max(float(np.abs(values).max()), 1e-300):
        raise Undecided(f"{what} is the same everywhere")
    return values

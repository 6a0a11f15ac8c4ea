"""The regression gate: what became of a baseline's trends in a new run.

A run is held against the baseline gate by gate: what moved by more than matters and more than seeds explain is a
regression, what vanished fails, and what was measured under another protocol is an error that names the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from leaderboard.baseline import Baseline, FrozenTrend
from leaderboard.gate_statistics import FAMILY_LEVEL, Change, Sample, compare
from leaderboard.series import Evidence, NoSeries, Series
from records.errors import UsageError
from records.findings import Gate

Status = Literal["pass", "improved", "regression", "vanished", "failed"]
BAD: tuple[Status, ...] = ("regression", "vanished", "failed")


@dataclass(frozen=True)
class GateOutcome:
    """What became of one gate.

    Attributes:
        trend: The gate and its baseline.
        status: "pass", "improved", or why the check fails.
        message: One sentence for people.
        mean: Of this run; None where it vanished or failed.
        seeds: Of this run.
        shared: How many of them the baseline has too.
        identical: Whether every shared seed gave the very same number.
        change: The test; None where there was nothing to test.
    """

    trend: FrozenTrend
    status: Status
    message: str
    mean: float | None = None
    seeds: tuple[int, ...] = ()
    shared: int = 0
    identical: bool = False
    change: Change | None = None


@dataclass(frozen=True)
class Report:
    """A whole check."""

    suite: str
    commit: str
    steps: int
    level: float
    outcomes: tuple[GateOutcome, ...]

    @property
    def bad(self) -> tuple[GateOutcome, ...]:
        """The gates that fail the check."""
        return tuple(outcome for outcome in self.outcomes if outcome.status in BAD)


def check(
    gates: Sequence[Gate],
    baseline: Baseline,
    evidence: Evidence,
    settings: Mapping[str, Mapping[str, Any]],
    steps: int,
    level: float = FAMILY_LEVEL,
) -> Report:
    """Hold a run against a baseline.

    Args:
        gates: As the suite declares them now.
        baseline: What was frozen.
        evidence: Rows and results of the run.
        settings: Row -> what entered its protocol now.
        steps: How many steps the run computed.
        level: Share of false alarms over all gates together.

    Raises:
        UsageError: Nothing was computed or can be compared, or the two are not comparable; says what differs.
    """
    if steps == 0:
        raise UsageError(f"check {baseline.suite}: the run computed no step, so there is nothing to compare")
    if not baseline.trends:
        raise UsageError(f"check {baseline.suite}: the baseline holds no trend, so there is nothing to compare")
    outcomes: dict[str, GateOutcome] = {}
    tested: dict[str, tuple[FrozenTrend, Series]] = {}
    for trend in matched(gates, baseline, outcomes):
        try:
            series = evidence.series(trend.gate.row, trend.gate.metric)
        except NoSeries as reason:
            outcomes[trend.gate.name] = _lacking(trend, reason)
            continue
        _check_comparable(trend, series, settings.get(trend.gate.row, {}))
        tested[trend.gate.name] = (trend, series)
    samples = [_sample(*pair) for pair in tested.values()]
    for (name, pair), change in zip(tested.items(), compare(samples, level) if samples else (), strict=True):
        outcomes[name] = _judged(*pair, change)
    return Report(baseline.suite, baseline.commit, steps, level, tuple(outcomes[t.gate.name] for t in baseline.trends))


def matched(gates: Sequence[Gate], baseline: Baseline, outcomes: dict[str, GateOutcome]) -> list[FrozenTrend]:
    """Return the trends that the suite still declares in the same way; what it dropped has vanished.

    What matters, the watched signs and the spread group are taken from the suite as it is now.

    Raises:
        UsageError: A gate is new, or asks for another trend than was frozen; known before anything runs.
    """
    now = {gate.name: gate for gate in gates}
    frozen = {trend.gate.name for trend in baseline.trends}
    if new := [name for name in now if name not in frozen]:
        raise UsageError(f"gate {new[0]!r} has no baseline; freeze {baseline.suite} again (make baseline)")
    kept = []
    for trend in baseline.trends:
        gate = now.get(trend.gate.name)
        if gate is None:
            outcomes[trend.gate.name] = GateOutcome(trend, "vanished", "the suite no longer declares this gate")
            continue
        for key in ("row", "metric", "statistic"):
            old, new_value = getattr(trend.gate, key), getattr(gate, key)
            if old != new_value:
                raise UsageError(
                    f"gate {gate.name!r}: {key}: found {new_value!r}, the baseline has {old!r}; allowed: the same, or "
                    "a new baseline (make baseline)"
                )
        kept.append(replace(trend, gate=gate))
    return kept


def _lacking(trend: FrozenTrend, reason: NoSeries) -> GateOutcome:
    if reason.lack == "incomplete":
        raise UsageError(f"gate {trend.gate.name!r}: {reason}; run the suite to its end first")
    if reason.lack in ("row", "metric"):
        return GateOutcome(trend, "vanished", str(reason))
    return GateOutcome(trend, "failed", str(reason))


def _check_comparable(trend: FrozenTrend, series: Series, setting: Mapping[str, Any]) -> None:
    if series.protocol == trend.protocol and series.metric == trend.metric and len(series.seeds) > 1:
        return
    if len(series.seeds) < 2:
        raise UsageError(f"gate {trend.gate.name!r}: found one seed; allowed: two or more")
    before = {"metric": trend.metric, "n": trend.n, "iterations": trend.iterations, **trend.setting}
    after = {"metric": series.metric, "n": series.n, "iterations": series.iterations, **setting}
    differences = [
        f"{key}: {before.get(key, 'absent')} then, {after.get(key, 'absent')} now"
        for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key)
    ]  # fmt: skip
    what = "; ".join(differences) or "nothing that the baseline records, so something that came later"
    raise UsageError(f"gate {trend.gate.name!r}: other protocol than its baseline: {what}")


def _sample(trend: FrozenTrend, series: Series) -> Sample:
    gate = trend.gate
    sign = -1.0 if gate.statistic == "end" and series.signed == "up" else 1.0
    old = np.array(list(trend.values.values()))
    new, items = series.damage(gate.statistic), series.items(gate.statistic)
    return Sample(sign * old, new, gate.relevant, gate.watch == "both", gate.spread, items)


def _judged(trend: FrozenTrend, series: Series, change: Change) -> GateOutcome:
    values = series.statistic(trend.gate.statistic)
    now = {str(seed): float(v) for seed, v in zip(series.seeds, values, strict=True)}
    shared = [seed for seed in now if seed in trend.values]
    identical = bool(shared) and all(now[seed] == trend.values[seed] for seed in shared)
    status: Status = "regression" if change.regression else "improved" if change.improved else "pass"
    return GateOutcome(
        trend, status, _sentence(trend, change, status), float(values.mean()), series.seeds, len(shared), identical,
        change,
    )  # fmt: skip


def _sentence(trend: FrozenTrend, change: Change, status: Status) -> str:
    worse = "worse" if change.change > 0 else "better"
    moved = f"{abs(change.change):.3g} {worse}" if trend.direction != "none" else f"moved by {change.change:.3g}"
    size = f"{moved}, p = {change.p_value:.2g}, matters from {trend.gate.relevant:.3g}"
    if status == "regression":
        return size
    if status == "improved":
        return f"{size}: freeze a new baseline to keep it"
    return f"{size}; a change below {change.visible:.3g} would not be seen"

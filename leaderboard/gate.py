"""The regression gate: trends of a suite, frozen in a file, and what became of them in a new run.

A baseline holds one number a seed for every gate, and all that makes those numbers comparable. A run is held against
it gate by gate: what moved by more than matters and more than seeds explain is a regression, what vanished fails, and
what was measured under another protocol is an error that names the difference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from leaderboard.gate_statistics import FAMILY_LEVEL, Change, Sample, compare, equal_spreads
from leaderboard.series import Evidence, NoSeries, Series
from records.codec import CodecError, decode, encode
from records.errors import UsageError
from records.files import write_text
from records.findings import Gate

SCHEMA = 1
#: Spreads this different (Levene's p value) are not pooled.
UNEQUAL = 0.01

Status = Literal["pass", "improved", "regression", "vanished", "failed"]
BAD: tuple[Status, ...] = ("regression", "vanished", "failed")


@dataclass(frozen=True)
class Trend:
    """A gate as it was measured when the baseline was frozen.

    Attributes:
        gate: The gate.
        metric: Full name of its metric.
        direction: "up", "down" or "none".
        n: Pairs an iteration.
        iterations: T.
        protocol: Digest; equal digests are comparable.
        mean: Over seeds.
        spread: Standard deviation over seeds.
        values: Seed -> value.
        setting: What entered the protocol, flat, to say what differs when it does.
    """

    gate: Gate
    metric: str
    direction: str
    n: int
    iterations: int
    protocol: str
    mean: float
    spread: float
    values: dict[str, float]
    setting: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Baseline:
    """The trends of one suite at one commit."""

    suite: str
    commit: str
    trends: tuple[Trend, ...]


@dataclass(frozen=True)
class Outcome:
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

    trend: Trend
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
    outcomes: tuple[Outcome, ...]

    @property
    def bad(self) -> tuple[Outcome, ...]:
        """The gates that fail the check."""
        return tuple(outcome for outcome in self.outcomes if outcome.status in BAD)


def freeze(
    suite: str, gates: Sequence[Gate], evidence: Evidence, settings: Mapping[str, Mapping[str, Any]]
) -> Baseline:
    """Measure every gate of a suite.

    Args:
        suite: Its name.
        gates: As declared in it.
        evidence: Rows and results.
        settings: Row -> what entered its protocol, for people.

    Raises:
        UsageError: A gate cannot be measured, or gates of one spread group have different spreads.
    """
    trends = []
    commits: set[str] = set()
    for gate in gates:
        try:
            series = evidence.series(gate.row, gate.metric)
        except NoSeries as reason:
            raise UsageError(f"gate {gate.name!r}: {reason}") from reason
        _check_gate(gate, series)
        commits.update(cell.commit for cell in series.cells)
        values = _values(gate, series)
        sd = float(values.std(ddof=1))
        named = {str(seed): float(v) for seed, v in zip(series.seeds, values, strict=True)}
        setting = dict(settings.get(gate.row, {}))
        trends.append(
            Trend(gate, series.metric, series.direction, series.n, series.iterations, series.protocol,
                  float(values.mean()), sd, named, setting)
        )  # fmt: skip
    for group in sorted({gate.spread for gate in gates} - {""}):
        members = [trend for trend in trends if trend.gate.spread == group]
        p = equal_spreads([np.array(list(trend.values.values())) for trend in members])
        if p < UNEQUAL:
            found = ", ".join(f"{trend.gate.name} {trend.spread:.3g}" for trend in members)
            raise UsageError(
                f"gates of spread {group!r}: found {found} (p = {p:.1g}); allowed: gates whose seeds spread alike"
            )
    return Baseline(suite, ", ".join(sorted(commits)), tuple(trends))


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
    outcomes: dict[str, Outcome] = {}
    tested: dict[str, tuple[Trend, Series]] = {}
    for trend in _matched(gates, baseline, outcomes):
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


def write(baseline: Baseline, file: Path) -> None:
    """Write a baseline: sorted keys, a newline at the end; equal baselines give equal bytes."""
    text = json.dumps({"schema": SCHEMA, **encode(Baseline, baseline)}, sort_keys=True, indent=1, allow_nan=False)
    write_text(file, text + "\n")


def read(file: Path) -> Baseline:
    """Read a baseline.

    Raises:
        UsageError: It is absent or broken.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(document, dict) or document.pop("schema", None) != SCHEMA:
            raise CodecError(f"schema: allowed is {SCHEMA}")
        return decode(Baseline, document)
    except FileNotFoundError:
        raise UsageError(f"{file}: no baseline; `make baseline` freezes one") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: no readable baseline ({error})") from None


def _check_gate(gate: Gate, series: Series) -> None:
    if len(series.seeds) < 2:
        raise UsageError(f"gate {gate.name!r}: found one seed; allowed: two or more, for a spread")
    if series.direction == "none" and gate.watch != "both":
        raise UsageError(f"gate {gate.name!r}: {series.metric} has no direction; allowed: watch: both")
    if gate.metric.startswith("set/") and gate.statistic != "end":
        raise UsageError(f"gate {gate.name!r}: a set has no iteration 0 to worsen from; allowed: statistic: end")


def _values(gate: Gate, series: Series) -> np.ndarray:
    return series.statistic(gate.statistic)


def _matched(gates: Sequence[Gate], baseline: Baseline, outcomes: dict[str, Outcome]) -> list[Trend]:
    """Return the trends that the suite still declares in the same way; what it dropped has vanished.

    What matters, the watched signs and the spread group are taken from the suite as it is now.
    """
    now = {gate.name: gate for gate in gates}
    frozen = {trend.gate.name for trend in baseline.trends}
    if new := [name for name in now if name not in frozen]:
        raise UsageError(f"gate {new[0]!r} has no baseline; freeze {baseline.suite} again (make baseline)")
    matched = []
    for trend in baseline.trends:
        gate = now.get(trend.gate.name)
        if gate is None:
            outcomes[trend.gate.name] = Outcome(trend, "vanished", "the suite no longer declares this gate")
            continue
        for key in ("row", "metric", "statistic"):
            old, new_value = getattr(trend.gate, key), getattr(gate, key)
            if old != new_value:
                raise UsageError(
                    f"gate {gate.name!r}: {key}: found {new_value!r}, the baseline has {old!r}; allowed: the same, or "
                    "a new baseline (make baseline)"
                )
        matched.append(Trend(**{**_shallow(trend), "gate": gate}))
    return matched


def _shallow(trend: Trend) -> dict[str, Any]:
    return {name: getattr(trend, name) for name in Trend.__dataclass_fields__}


def _lacking(trend: Trend, reason: NoSeries) -> Outcome:
    if reason.lack == "incomplete":
        raise UsageError(f"gate {trend.gate.name!r}: {reason}; run the suite to its end first")
    if reason.lack in ("row", "metric"):
        return Outcome(trend, "vanished", str(reason))
    return Outcome(trend, "failed", str(reason))


def _check_comparable(trend: Trend, series: Series, setting: Mapping[str, Any]) -> None:
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


def _sample(trend: Trend, series: Series) -> Sample:
    gate = trend.gate
    sign = -1.0 if gate.statistic == "end" and series.signed == "up" else 1.0
    old = np.array(list(trend.values.values()))
    return Sample(sign * old, sign * _values(gate, series), gate.relevant, gate.watch == "both", gate.spread)


def _judged(trend: Trend, series: Series, change: Change) -> Outcome:
    values = _values(trend.gate, series)
    now = {str(seed): float(v) for seed, v in zip(series.seeds, values, strict=True)}
    shared = [seed for seed in now if seed in trend.values]
    identical = bool(shared) and all(now[seed] == trend.values[seed] for seed in shared)
    status: Status = "regression" if change.regression else "improved" if change.improved else "pass"
    return Outcome(
        trend, status, _sentence(trend, change, status), float(values.mean()), series.seeds, len(shared), identical,
        change,
    )  # fmt: skip


def _sentence(trend: Trend, change: Change, status: Status) -> str:
    worse = "worse" if change.change > 0 else "better"
    moved = f"{abs(change.change):.3g} {worse}" if trend.direction != "none" else f"moved by {change.change:.3g}"
    size = f"{moved}, p = {change.p_value:.2g}, matters from {trend.gate.relevant:.3g}"
    if status == "regression":
        return size
    if status == "improved":
        return f"{size}: freeze a new baseline to keep it"
    return f"{size}; a change below {change.visible:.3g} would not be seen"


def flattened(value: Any, path: str = "") -> dict[str, Any]:
    """Return nested settings as one flat mapping: {"fit.generator.steps": 100, ...}."""
    if hasattr(value, "__dataclass_fields__"):
        value = asdict(value)
    if isinstance(value, Mapping):
        flat: dict[str, Any] = {}
        for key, part in value.items():
            flat.update(flattened(part, f"{path}.{key}" if path else str(key)))
        return flat
    if isinstance(value, list | tuple):
        return {path: ", ".join(map(str, value))}
    return {path: value}

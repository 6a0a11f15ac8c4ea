"""A baseline: the trends of a suite, one number a seed for every gate, and all that makes those numbers comparable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from leaderboard.gate_statistics import equal_spreads
from leaderboard.grain import below, grain, items_of
from leaderboard.series import Evidence, NoSeries, Series
from records.codec import decode_text, document_text
from records.errors import UsageError
from records.files import write_text
from records.findings import Gate
from records.names import MetricName

SCHEMA = 1
#: Spreads this different (Levene's p value) are not pooled.
UNEQUAL = 0.01


@dataclass(frozen=True)
class FrozenTrend:
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
    trends: tuple[FrozenTrend, ...]


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
        values = series.statistic(gate.statistic)
        sd = float(values.std(ddof=1))
        named = {str(seed): float(v) for seed, v in zip(series.seeds, values, strict=True)}
        setting = dict(settings.get(gate.row, {}))
        trends.append(
            FrozenTrend(gate, series.metric, series.direction, series.n, series.iterations, series.protocol,
                  float(values.mean()), sd, named, setting)
        )  # fmt: skip
    for group in sorted({gate.spread for gate in gates} - {""}):
        members = [trend for trend in trends if trend.gate.spread == group]
        samples = [np.array(list(trend.values.values())) for trend in members]
        least = max(grain(x, items_of(trend.metric)) for x, trend in zip(samples, members, strict=True))
        p = equal_spreads(samples, least)
        if below(p, UNEQUAL):
            found = ", ".join(f"{trend.gate.name} {trend.spread:.3g}" for trend in members)
            raise UsageError(
                f"gates of spread {group!r}: found {found} (p = {p:.1g}); allowed: gates whose seeds spread alike"
            )
    return Baseline(suite, ", ".join(sorted(commits)), tuple(trends))


def write(baseline: Baseline, file: Path) -> None:
    """Write a baseline: sorted keys, a newline at the end; equal baselines give equal bytes."""
    write_text(file, document_text(SCHEMA, Baseline, baseline))


def read(file: Path) -> Baseline:
    """Read a baseline.

    Raises:
        UsageError: It is absent or broken.
    """
    try:
        return decode_text(Baseline, file.read_text(encoding="utf-8-sig"), SCHEMA, {})
    except FileNotFoundError:
        raise UsageError(f"{file}: no baseline; `make baseline` freezes one") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: no readable baseline ({error})") from None


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


def _check_gate(gate: Gate, series: Series) -> None:
    if len(series.seeds) < 2:
        raise UsageError(f"gate {gate.name!r}: found one seed; allowed: two or more, for a spread")
    if series.direction == "none" and gate.watch != "both":
        raise UsageError(f"gate {gate.name!r}: {series.metric} has no direction; allowed: watch: both")
    if MetricName.parse(gate.metric).side == "set" and gate.statistic != "end":
        raise UsageError(f"gate {gate.name!r}: a set has no iteration 0 to worsen from; allowed: statistic: end")

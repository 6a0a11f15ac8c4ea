"""Failure signatures: in which way a row fails, and from which iteration on.

A signature is a set of named metrics with the direction that counts as failing. It appears at the first iteration from
which one of them has changed beyond its minimum effect and beyond the noise between seeds, and stays so up to T
(`leaderboard.onset`). The 5 % chance of a false alarm is shared out among the metrics that were measured, so it
holds for the signature as a whole. `real` has signatures too: what it shows is the fit, not collapse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from leaderboard.grain import difference, items_of
from leaderboard.onset import ALPHA, NEVER, onsets
from leaderboard.readings import floor_of, stacked
from leaderboard.statistics import SEEDS_FOR_INTERVALS
from records.names import MetricName
from records.results import CellResult

Fails = Literal["falls", "rises"]

# Metrics without a floor (variances over draws) must move by this share of their start. The number is ours.
SHARE_WITHOUT_FLOOR = 0.02

TABLE: dict[str, dict[str, dict[str, Fails]]] = {
    "quality loss": {
        "captioner": {"attribute_accuracy": "falls", "readable_share": "falls", "bleu4": "falls", "cider": "falls"},
        "generator": {
            "frechet": "rises",
            "kernel": "rises",
            "precision": "falls",
            "attribute_accuracy": "falls",
            "readable_share": "falls",
            "mean_drift": "rises",
        },
    },
    "variance loss": {
        "captioner": {"variance": "falls", "variance_between": "falls", "variance_total": "falls"},
        "generator": {"variance": "falls", "variance_between": "falls", "variance_total": "falls"},
    },
    "loss of semantic diversity": {
        "captioner": {
            "tail_survival": "falls",
            "attribute_drift": "rises",
            "vocabulary": "falls",
            "heterozygosity": "falls",
        },
        "generator": {
            "recall": "falls",
            "coverage": "falls",
            "tail_survival": "falls",
            "attribute_drift": "rises",
            "variance_tail": "falls",
        },
    },
    # One prompt or image gives the same answer again, or all answers crowd where real ones are dense.
    "repetition and stereotypy": {
        "captioner": {"unique_share": "falls", "distinct2": "falls", "variance_within": "falls"},
        "generator": {"variance_within": "falls", "density": "rises"},
    },
}
NAMES = tuple(TABLE)


@dataclass(frozen=True)
class Signature:
    """One signature of one row.

    Attributes:
        name: One of `NAMES`.
        measured: The metrics that could be tested, by short name.
        onset: Iteration from which it is there; None where it is not.
        metrics: The metrics that show it, with the iteration of each.
    """

    name: str
    measured: tuple[str, ...]
    onset: int | None = None
    metrics: tuple[tuple[str, int], ...] = ()

    @property
    def text(self) -> str:
        """Return "t = 2 (recall, coverage)", "-" where it is not there, "not measured" where nobody knows."""
        if not self.measured:
            return "not measured"
        if self.onset is None:
            return "-"
        return f"t = {self.onset} ({', '.join(name for name, _ in self.metrics)})"


def stems(modality: str) -> frozenset[str]:
    """Return the short names of every metric that a signature of a modality reads."""
    return frozenset(name for sides in TABLE.values() for name in sides.get(modality, {}))


def signatures(cells: Sequence[CellResult], modality: str) -> tuple[Signature, ...]:
    """Return every signature of a row.

    Args:
        cells: All cells of the row, complete; with fewer than two seeds nothing can be tested.
        modality: "captioner" or "generator".
    """
    if len(cells) < SEEDS_FOR_INTERVALS or any(cell.status != "complete" for cell in cells):
        return tuple(Signature(name, ()) for name in NAMES)
    by_stem: dict[str, list[str]] = {}
    for metric in sorted(cells[0].info):
        if (name := MetricName.parse(metric)).side == modality:
            by_stem.setdefault(name.metric, []).append(metric)
    return tuple(_signature(name, cells, by_stem, TABLE[name].get(modality, {})) for name in NAMES)


def _signature(
    name: str, cells: Sequence[CellResult], by_stem: dict[str, list[str]], metrics: dict[str, Fails]
) -> Signature:
    changes = {
        short: (*found, items_of(metric))
        for short, fails in metrics.items()
        for metric in by_stem.get(short, [])[:1]  # the first judge's: one vote a metric
        if (found := _changes(cells, metric, fails)) is not None
    }
    shown = []
    for short, (change, minimum, items) in changes.items():
        begins = int(onsets(change, minimum, ALPHA / len(changes), items))
        if begins != NEVER:
            shown.append((short, begins))
    shown.sort(key=lambda pair: pair[1])
    return Signature(name, tuple(changes), shown[0][1] if shown else None, tuple(shown))


def _changes(cells: Sequence[CellResult], metric: str, fails: Fails) -> tuple[np.ndarray, float] | None:
    """Return (seeds, T + 1) changes in the failing direction and the smallest that counts; None where unknown."""
    values, floor = stacked(cells, metric), floor_of(cells, metric)
    if values is None:
        return None
    minimum = floor.minimum_effect if floor else SHARE_WITHOUT_FLOOR * float(np.abs(values[:, 0]).mean())
    change = difference(values, values[:, :1])
    return (change if fails == "rises" else -change), minimum

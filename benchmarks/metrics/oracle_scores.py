"""What attributes read by an oracle say about outputs: accuracy, survival of the tail, drift.

One set of definitions for captions and images. The truth is that of the inputs of the same items, so a
perfect model is at 1 or 0 exactly, whatever the number of items. "?" (unreadable) is a class of its own and
is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from datamodules.scenes.oracle import ABSENT, UNREADABLE, Readings, Truth, match

TAIL_ITEMS = 20  # a tail value with fewer true occurrences is left out of the survival


class OracleScores(NamedTuple):
    """What `oracle_scores` returns.

    Attributes:
        values: By name.
        absent: Reasons by name, for the values that cannot be had.
        grains: What one item moves, for the values that rest on the items with a tail value alone.
    """

    values: dict[str, float]
    absent: dict[str, str]
    grains: dict[str, float]


def oracle_scores(truth: Sequence[Truth], read: Readings, oracle: Any) -> OracleScores:
    """Compute the five scores that caption and image families share.

    Args:
        truth: n true attribute dictionaries.
        read: what the oracle read off the n outputs.
        oracle: for the tail values of each attribute.
    """
    accuracy = match(truth, read)
    tails = {attribute: tuple(oracle.tail(attribute)) for attribute in read.values}
    values = {
        "attribute_accuracy": attribute_accuracy(accuracy),
        "readable_share": readable_share(read),
        "attribute_drift": attribute_drift(truth, read),
    }
    absent, grains = {}, {}
    rare = tail_items(truth, accuracy, tails)
    if len(rare):
        values["tail_accuracy"], grains["tail_accuracy"] = float(rare.mean()), 1 / len(rare)
    else:
        absent["tail_accuracy"] = "no item has a tail value"
    survival = tail_survival(truth, read, tails)
    if survival is None:
        absent["tail_survival"] = f"no tail value occurs {TAIL_ITEMS} times"
    else:
        values["tail_survival"], grains["tail_survival"] = survival, survival_grain(truth, tails)
    return OracleScores(values, absent, grains)


def attribute_accuracy(accuracy: dict[str, np.ndarray]) -> float:
    """Mean over attributes and items of the share of slots that agree, as `match` returns it."""
    return float(np.mean([scores.mean() for scores in accuracy.values()]))


def tail_items(
    truth: Sequence[Truth], accuracy: dict[str, np.ndarray], tails: dict[str, tuple[str, ...]]
) -> np.ndarray:
    """Return the accuracy (pairs,) of each (item, attribute) pair whose truth holds a tail value."""
    return np.concatenate(
        [
            scores[[not set(tails[attribute]).isdisjoint(item[attribute]) for item in truth]]
            for attribute, scores in accuracy.items()
        ]
    )


def readable_share(read: Readings) -> float:
    """Share of items of which nothing is unreadable."""
    unreadable = [(values == UNREADABLE).any(axis=1) for values in read.values.values()]
    return float(1 - np.any(unreadable, axis=0).mean())


def tail_survival(truth: Sequence[Truth], read: Readings, tails: dict[str, tuple[str, ...]]) -> float | None:
    """Mean of min(1, n_read / n_true) over tail values with at least `TAIL_ITEMS` true occurrences.

    Occurrences are counted over slots, wherever they are: this asks whether a value is still said or drawn
    at all, accuracy asks whether it is where it belongs. None if no tail value is frequent enough.
    """
    shares = []
    for attribute, counts in _frequent(truth, tails).items():
        seen = read_counts(read, attribute)
        shares += [min(1.0, seen[value] / true) for value, true in counts.items()]
    return float(np.mean(shares)) if shares else None


def survival_grain(truth: Sequence[Truth], tails: dict[str, tuple[str, ...]]) -> float:
    """Return what one occurrence of the rarest value that counts moves in `tail_survival`."""
    counts = [true for values in _frequent(truth, tails).values() for true in values.values()]
    return 1 / (len(counts) * min(counts))


def _frequent(truth: Sequence[Truth], tails: dict[str, tuple[str, ...]]) -> dict[str, dict[str, int]]:
    """Return attribute -> tail value -> true occurrences, of the values with `TAIL_ITEMS` or more."""
    counts = {attribute: true_counts(truth, attribute) for attribute in tails}
    return {name: {v: counts[name][v] for v in tail if counts[name][v] >= TAIL_ITEMS} for name, tail in tails.items()}


def attribute_drift(truth: Sequence[Truth], read: Readings) -> float:
    """Mean over attributes of the total variation between true and read values, unreadable being a value."""
    return float(np.mean(list(attribute_drifts(truth, read).values())))


def attribute_drifts(truth: Sequence[Truth], read: Readings) -> dict[str, float]:
    """Total variation between true and read values of each attribute, unreadable being a value."""
    return {name: total_variation(true_counts(truth, name), read_counts(read, name)) for name in read.values}


def total_variation(first: Counter[str], second: Counter[str]) -> float:
    """Half the L1 distance of two count vectors, each made to sum to one; 1 if just one of them is empty."""
    n, m = sum(first.values()), sum(second.values())
    if not n or not m:
        return float(n != m)
    return 0.5 * sum(abs(first[value] / n - second[value] / m) for value in sorted(first.keys() | second.keys()))


def true_counts(truth: Sequence[Truth], attribute: str) -> Counter[str]:
    """Count the true values of an attribute over items and slots."""
    return Counter(value for item in truth for value in item[attribute] if value != ABSENT)


def read_counts(read: Readings, attribute: str) -> Counter[str]:
    """Count the values read of an attribute over items and slots, "?" among them."""
    counts = Counter(read.values[attribute].ravel().tolist())
    counts.pop(ABSENT, None)
    return counts

"""Frequencies of attributes that a judge reads off images without an oracle: zero-shot CLIP over a list of phrases.

A reader errs. The same one reads generated and real images, so an error that does not depend on who made the image
changes both frequencies alike: what is measured is a shift of readings, not of the truth.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import numpy as np

from benchmarks.metrics.family import Family, finite
from benchmarks.metrics.images.pairs import unit
from benchmarks.metrics.oracle_scores import TAIL_ITEMS, total_variation
from benchmarks.metrics.view import View


class AttributeReader(Family):
    """Reads the testbed's list of attributes off generated and real images, (n, d) and (m, d) features of one judge."""

    name: ClassVar[str] = "attribute_reader"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "generator"
    needs: ClassVar[tuple[str, ...]] = ("features", "real_features", "phrase_features")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "reader_drift": {
            "direction": "down",
            "range": [0, 1],
            "with_n": "falls (noise of counts adds to it)",
            "source": "total variation of values read off generated and real images, mean over attributes",
            "misses": "what the reader cannot tell apart; values that trade places among images",
            "healthy": "values are permuted among images",
        },
        "reader_drift_*": {
            "direction": "down",
            "range": [0, 1],
            "with_n": "falls (noise of counts adds to it)",
            "source": "total variation of one attribute's values read off generated and real images",
            "misses": "what the reader cannot tell apart; which value gains",
            "healthy": "values are permuted among images",
        },
        "reader_shift_*": {
            "direction": "none",
            "range": [-1, 1],
            "with_n": "stable",
            "source": "share of generated images read as a value, minus that of real images",
            "misses": "a change of what the reader errs on",
            "healthy": "the reader takes artefacts for the value",
        },
        "reader_tail_survival": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "rises (the minimum is taken of less noisy counts)",
            "source": "mean of min(1, share generated / share real) over the values of the rarest third",
            "misses": "what the reader cannot tell apart; values that grow too frequent",
            "healthy": "rare values move to wrong items",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names, one drift an attribute and one shift a value."""
        real, values, drifts, survivals = finite(view.real_features, "real_features"), {}, [], []
        fewest = 1.0  # share of the rarest value that counts
        for attribute, phrases in view.phrase_features.items():
            seen, true = (Counter(zero_shot(images, phrases)) for images in (view.features, real))
            drifts.append(total_variation(true, seen))
            values[f"reader_drift_{attribute}"] = drifts[-1]
            ratio = {value: (seen[value] / len(view.features), true[value] / len(real)) for value in phrases}
            values |= {f"reader_shift_{attribute}_{value}": now - was for value, (now, was) in ratio.items()}
            rare = sorted(phrases, key=lambda value: (true[value], value))[: max(1, len(phrases) // 3)]
            counted = [ratio[v] for v in rare if true[v] >= TAIL_ITEMS]
            survivals += [min(1.0, now / was) for now, was in counted]
            fewest = min([fewest, *(was for _, was in counted)])
        values["reader_drift"] = float(np.mean(drifts))
        if survivals:
            values["reader_tail_survival"] = float(np.mean(survivals))
            self.grains["reader_tail_survival"] = 1 / (len(survivals) * fewest * len(view.features))
        else:
            self.absent["reader_tail_survival"] = f"no tail value is read off {TAIL_ITEMS} real images"
        return values


def zero_shot(images: np.ndarray, phrases: dict[str, np.ndarray]) -> list[str]:
    """Read one attribute off images, as CLIP classifies without training (Radford et al., arXiv 2103.00020, 3.1.4).

    Args:
        images: (n, d) features.
        phrases: value -> (k, d) features of phrases that say it; their directions are averaged.

    Returns:
        n values: that of the nearest direction, the first of equally near ones.
    """
    directions = unit(np.stack([unit(np.asarray(said, np.float64)).mean(axis=0) for said in phrases.values()]))
    names = list(phrases)
    return [names[i] for i in (np.asarray(images, np.float64) @ directions.T).argmax(axis=1)]

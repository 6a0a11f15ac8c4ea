"""Variance of outputs in the judge space, as three named numbers.

Collapse can move them in opposite directions: sampling noise raises the variance within an input while the
variance between inputs falls. So none of them has a direction.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.metrics.family import Family
from benchmarks.metrics.view import View


class _Variance(Family):
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("features", "draws")
    optional: ClassVar[tuple[str, ...]] = ("draws",)

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names."""
        values = {}
        if len(view.features) > 1:
            values["variance_between"] = variance_between(view.features)
        else:
            self.absent["variance_between"] = "one input has no variance"
        draws = view.draw_features
        if draws is None or draws.shape[1] < 2:
            reason = "the inputs were not drawn several times"
            self.absent |= {"variance_within": reason, "variance_total": reason}
        else:
            values |= {"variance_within": variance_within(draws), "variance_total": variance_total(draws)}
        return values


class CaptionerVariance(_Variance):
    """Variance of captions: `features` has one per input, `draw_features` k for some inputs."""

    name: ClassVar[str] = "captioner_variance"
    side: ClassVar[str] = "captioner"
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "variance_between": {
            "direction": "none",
            "range": [0, None],
            "with_n": "stable (unbiased)",
            "source": "trace of the covariance over inputs, one draw each",
            "misses": "whether the spread follows the inputs or is noise",
            "healthy": "noise replaces meaning",
        },
        "variance_within": {
            "direction": "none",
            "range": [0, None],
            "with_n": "stable (unbiased in draws and inputs)",
            "source": "trace of the covariance over draws of one input, mean over inputs",
            "misses": "spread between inputs",
            "healthy": "decoding is greedy: it is 0 whatever happens",
        },
        "variance_total": {
            "direction": "none",
            "range": [0, None],
            "with_n": "nearly stable",
            "source": "trace of the covariance over all draws of all inputs",
            "misses": "where the spread comes from",
            "healthy": "spread within inputs rises as that between them falls",
        },
    }


class GeneratorVariance(_Variance):
    """Variance of images: `features` has one per prompt, `draw_features` k for some prompts."""

    name: ClassVar[str] = "generator_variance"
    side: ClassVar[str] = "generator"
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "variance_between": {
            "direction": "none",
            "range": [0, None],
            "with_n": "stable (unbiased)",
            "source": "trace of the covariance over prompts, one draw each",
            "misses": "whether the spread follows the prompts or is noise",
            "healthy": "artefacts grow: those that differ count as diversity",
        },
        "variance_within": {
            "direction": "none",
            "range": [0, None],
            "with_n": "stable (unbiased in draws and inputs)",
            "source": "trace of the covariance over draws of one prompt, mean over prompts",
            "misses": "spread between prompts",
            "healthy": "artefacts grow: those that differ count as diversity",
        },
        "variance_total": {
            "direction": "none",
            "range": [0, None],
            "with_n": "nearly stable",
            "source": "trace of the covariance over all draws of all prompts",
            "misses": "where the spread comes from",
            "healthy": "artefacts grow: those that differ count as diversity",
        },
    }


def variance_between(features: np.ndarray) -> float:
    """Trace of the unbiased covariance of (n, d) features."""
    return float(features.var(axis=0, ddof=1).sum())


def variance_within(draws: np.ndarray) -> float:
    """Mean over inputs of the trace of the unbiased covariance of their k draws, (inputs, k, d)."""
    return float(draws.var(axis=1, ddof=1).sum(axis=1).mean())


def variance_total(draws: np.ndarray) -> float:
    """Trace of the unbiased covariance of all draws, (inputs, k, d).

    It is the sum of squares within and between inputs over the degrees of freedom (law of total variance).
    """
    return variance_between(draws.reshape(-1, draws.shape[-1]))

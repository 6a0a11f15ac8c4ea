"""Variance of outputs in the judge space, and its two parts.

Collapse can move the parts in opposite directions: sampling noise raises the variance within an input while the
variance between inputs falls. So none of them has a direction.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.metrics.family import Family
from benchmarks.metrics.view import View


class _Variance(Family):
    version: ClassVar[int] = 2
    needs: ClassVar[tuple[str, ...]] = ("features", "draws")
    optional: ClassVar[tuple[str, ...]] = ("draws",)

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names."""
        values = {}
        if len(view.features) > 1:
            values["variance"] = variance(view.features)
        else:
            self.absent["variance"] = "one input has no variance"
        draws = view.draw_features
        if draws is None or draws.shape[1] < 2 or len(draws) < 2:
            reason = "the inputs were not drawn several times" if draws is None or draws.shape[1] < 2 else "one input"
            self.absent |= dict.fromkeys(("variance_within", "variance_between", "variance_total"), reason)
        else:
            within, between = variance_parts(draws)
            values |= {"variance_within": within, "variance_between": between, "variance_total": within + between}
        return values


class CaptionerVariance(_Variance):
    """Variance of captions: `features` has one per input, `draw_features` k for some inputs."""

    name: ClassVar[str] = "captioner_variance"
    side: ClassVar[str] = "captioner"
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "variance": {
            "direction": "none",
            "range": [0, None],
            "with_n": "stable (unbiased)",
            "source": "trace of the covariance over inputs, one caption as it is evaluated each",
            "misses": "whether the spread follows the inputs or is noise",
            "healthy": "noise replaces meaning",
        },
        "variance_between": {
            "direction": "none",
            "range": [None, None],
            "with_n": "stable (unbiased, below 0 at times where inputs do not matter)",
            "source": "trace of the covariance of the inputs' means over k draws, less variance_within / k",
            "misses": "spread among draws of one input",
            "healthy": "captions differ in what is wrong with them",
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
            "with_n": "stable (unbiased in draws and inputs)",
            "source": "variance_between + variance_within: of one draw of a random input (law of total variance)",
            "misses": "where the spread comes from",
            "healthy": "spread within inputs rises as that between them falls",
        },
    }


class GeneratorVariance(_Variance):
    """Variance of images: `features` has one per prompt, `draw_features` k for some prompts."""

    name: ClassVar[str] = "generator_variance"
    side: ClassVar[str] = "generator"
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "variance": {
            "direction": "none",
            "range": [0, None],
            "with_n": "stable (unbiased)",
            "source": "trace of the covariance over prompts, one image as it is evaluated each",
            "misses": "whether the spread follows the prompts or is noise",
            "healthy": "artefacts grow: those that differ count as diversity",
        },
        "variance_between": {
            "direction": "none",
            "range": [None, None],
            "with_n": "stable (unbiased, below 0 at times where prompts do not matter)",
            "source": "trace of the covariance of the prompts' means over k draws, less variance_within / k",
            "misses": "spread among draws of one prompt",
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
            "with_n": "stable (unbiased in draws and inputs)",
            "source": "variance_between + variance_within: of one draw of a random prompt (law of total variance)",
            "misses": "where the spread comes from",
            "healthy": "artefacts grow: those that differ count as diversity",
        },
    }


def variance(features: np.ndarray) -> float:
    """Trace of the unbiased covariance of (n, d) features."""
    return float(features.var(axis=0, ddof=1).sum())


def variance_parts(draws: np.ndarray) -> tuple[float, float]:
    """Return the variance within and between inputs of k draws each, (inputs, k, d), both two or more.

    The method of moments of a one-way layout (Searle, Casella and McCulloch, Variance Components, 1992, ch. 3): the
    means over k draws spread by the variance between inputs and a k-th of that within them.
    """
    within = float(draws.var(axis=1, ddof=1).sum(axis=1).mean())
    return within, variance(draws.mean(axis=1)) - within / draws.shape[1]

"""Distances between generated and real images in a judge space.

One feature pass serves all of them. What depends on the real features alone is computed once per process.
Every value depends on the number of items: compare at equal n, and beside the floor (real against real).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.metrics.family import Family
from benchmarks.metrics.images.frechet import frechet, gaussian, left_out_frechet
from benchmarks.metrics.images.kernels import discrepancy, kernel_distance, polynomial_kernel
from benchmarks.metrics.images.neighbours import COVERAGE_K, left_out_manifolds, manifolds
from benchmarks.metrics.images.real_side import fitting, real_side
from benchmarks.metrics.view import View


class ImageDistance(Family):
    """Compares (n, d) features of generated images with (m, d) real ones of the floor split."""

    version: ClassVar[int] = 2
    side: ClassVar[str] = "generator"
    needs: ClassVar[tuple[str, ...]] = ("features", "real_features")
    intervals: ClassVar[tuple[str, ...]] = ("frechet", "kernel", "precision", "recall", "density", "coverage")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "frechet": {
            "direction": "down",
            "range": [0, None],
            "source": "Heusel et al., arXiv 1706.08500, eq. 6",
            "misses": "everything beyond mean and covariance; biased upwards by about 1/n",
        },
        "kernel": {
            "direction": "down",
            "range": [None, None],
            "source": "Binkowski et al., arXiv 1801.01401 (KID), on the whole sets",
            "misses": "moments above the third; unbiased in n, hence below zero at times",
        },
        "precision": {
            "direction": "up",
            "range": [0, 1],
            "source": "Kynkaanniemi et al., arXiv 1904.06991, eq. 1-2, k = 3",
            "misses": "lost modes: one perfect image scores 1; outliers among the real images inflate it",
        },
        "recall": {
            "direction": "up",
            "range": [0, 1],
            "source": "Kynkaanniemi et al., arXiv 1904.06991, eq. 1-2, k = 3",
            "misses": "quality: scattered bad images have large balls and cover much",
        },
        "density": {
            "direction": "up",
            "range": [0, None],
            "source": "Naeem et al., arXiv 2002.09797, section 3, k = 5",
            "misses": "lost modes: it rises when images crowd where real ones are dense",
        },
        "coverage": {
            "direction": "up",
            "range": [0, 1],
            "source": "Naeem et al., arXiv 2002.09797, section 3, k = 5",
            "misses": "how often a mode is drawn: one image near each real one is enough",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Computes the values that `declares` names."""
        values = image_distances(view)
        self.absent = {name: "too few images" for name in self.declares if name not in values}
        return values

    def left_out(self, view: View, blocks: np.ndarray) -> dict[str, np.ndarray]:
        """Computes all values without each block of the generated images; the real ones stay."""
        assert view.features is not None
        assert view.real_features is not None
        fake, real = view.features, real_side(view.real_features)
        found = {
            "frechet": left_out_frechet(gaussian(fake), real.gaussian, blocks),
            "kernel": discrepancy(fake, real.features, polynomial_kernel, real.kernel, blocks)[1],
        }
        if len(real.features) > COVERAGE_K:
            found |= left_out_manifolds(fake - real.centre, real.centred, real.radii, blocks)
        return found


def image_distances(view: View) -> dict[str, float]:
    """Return the distances of a view's features to its real features, those that so many images allow."""
    assert view.features is not None
    assert view.real_features is not None
    real = real_side(view.real_features)
    fake, values = fitting(view.features, real), {}
    if min(len(fake), len(real.features)) > 1:
        values["frechet"] = frechet(gaussian(fake), real.gaussian)
        values["kernel"] = kernel_distance(fake, real.features, real.kernel)
    if min(len(fake), len(real.features)) > COVERAGE_K:
        values |= manifolds(fake - real.centre, real.centred, real.radii)
    return values

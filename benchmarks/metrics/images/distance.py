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

    name: ClassVar[str] = "image_distance"
    version: ClassVar[int] = 2
    side: ClassVar[str] = "generator"
    needs: ClassVar[tuple[str, ...]] = ("features", "real_features")
    intervals: ClassVar[tuple[str, ...]] = ("frechet", "kernel", "precision", "recall", "density", "coverage")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "frechet": {
            "direction": "down",
            "range": [0, None],
            "with_n": "falls, about as 1/n: compare at equal n only",
            "source": "Heusel et al., arXiv 1706.08500, eq. 6",
            "misses": "everything beyond mean and covariance",
            "healthy": "modes are lost but mean and covariance hold",
        },
        "kernel": {
            "direction": "down",
            "range": [None, None],
            "with_n": "stable in the mean (unbiased, below 0 at times), noise falls",
            "source": "Binkowski et al., arXiv 1801.01401 (KID), on the whole sets",
            "misses": "moments above the third",
            "healthy": "modes are lost but the moments hold; its floor is 0, not positive",
        },
        "precision": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "drifts (balls shrink as real points crowd)",
            "source": "Kynkaanniemi et al., arXiv 1904.06991, eq. 1-2, k = 3",
            "misses": "lost modes; outliers among the real images inflate it",
            "healthy": "the model draws one perfect image: 1",
        },
        "recall": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "drifts (balls shrink as fakes crowd)",
            "source": "Kynkaanniemi et al., arXiv 1904.06991, eq. 1-2, k = 3",
            "misses": "quality",
            "healthy": "bad images are scattered: they have large balls and cover much",
        },
        "density": {
            "direction": "up",
            "range": [0, None],
            "with_n": "stable",
            "source": "Naeem et al., arXiv 2002.09797, section 3, k = 5; 1 where sets agree",
            "misses": "lost modes",
            "healthy": "images crowd where real ones are dense: it rises above 1",
        },
        "coverage": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable for equal sizes, 0.97 where sets agree",
            "source": "Naeem et al., arXiv 2002.09797, section 3, k = 5",
            "misses": "how often a mode is drawn",
            "healthy": "each mode keeps a single image",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names."""
        values = image_distances(view)
        self.absent = {name: "too few images" for name in self.declares if name not in values}
        return values

    def left_out(self, view: View, blocks: np.ndarray) -> dict[str, np.ndarray]:
        """Compute all values without each block of the generated images; the real ones stay."""
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
    real = real_side(view.real_features)
    fake, values = fitting(view.features, real), {}
    if min(len(fake), len(real.features)) > 1:
        values["frechet"] = frechet(gaussian(fake), real.gaussian)
        values["kernel"] = kernel_distance(fake, real.features, real.kernel)
    if min(len(fake), len(real.features)) > COVERAGE_K:
        values |= manifolds(fake - real.centre, real.centred, real.radii)
    return values

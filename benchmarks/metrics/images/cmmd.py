"""CMMD: a kernel distance of the directions of features."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.metrics.family import Family
from benchmarks.metrics.images.kernels import SCALE, cmmd, discrepancy, gaussian_kernel
from benchmarks.metrics.images.pairs import unit
from benchmarks.metrics.images.real_side import fitting, real_side
from benchmarks.metrics.view import View


class ImageCmmd(Family):
    """Compares the directions of (n, d) features of generated images with those of (m, d) real ones.

    Its width of 10 was chosen for unit vectors of CLIP. No two unit vectors are farther apart than 2, so the kernel is
    nearly linear whatever the judge: the value is ten times the squared distance of the mean directions, to a percent
    or so. It can be had with any judge of images; with one whose features are all positive, such as Inception,
    directions differ little and so do values.
    """

    name: ClassVar[str] = "image_cmmd"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "generator"
    needs: ClassVar[tuple[str, ...]] = ("features", "real_features")
    intervals: ClassVar[tuple[str, ...]] = ("cmmd",)
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "cmmd": {
            "direction": "down",
            "range": [None, None],
            "with_n": "stable in the mean (unbiased, below 0 at times), noise falls",
            "source": "Jayasumana et al., arXiv 2401.09603, unbiased, sigma = 10 on unit vectors, times 1000",
            "misses": "nearly all but the mean direction; lost modes that keep it",
            "healthy": "modes are lost evenly, so that the mean direction holds",
        }
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the value that `declares` names."""
        real = real_side(view.real_features)
        fake = fitting(view.features, real)
        if min(len(fake), len(real.features)) < 2:
            self.absent["cmmd"] = "too few images"
            return {}
        return {"cmmd": cmmd(fake, real.unit, real.similarity)}

    def left_out(self, view: View, blocks: np.ndarray) -> dict[str, np.ndarray]:
        """Compute the value without each block of the generated images; the real ones stay."""
        real = real_side(view.real_features)
        return {
            "cmmd": SCALE * discrepancy(unit(view.features), real.unit, gaussian_kernel, real.similarity, blocks)[1]
        }

"""What can be said of the images of a synthetic set in a judge space, before anything is trained on it.

The numbers of `ImageDistance`, `ImageCmmd`, `ImageDiversity` and `ClipScore`, so that the quality of a set and the
damage that it does are told in the same units; its Fréchet distance is in `SyntheticSet`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.metrics.captions.clipscore import clip_scores
from benchmarks.metrics.family import Family
from benchmarks.metrics.images.diversity import vendi_score
from benchmarks.metrics.images.kernels import cmmd, kernel_distance
from benchmarks.metrics.images.neighbours import COVERAGE_K, manifolds
from benchmarks.metrics.images.real_side import fitting, real_side
from benchmarks.metrics.view import View


class SetImages(Family):
    """Compares (n, d) features of the images of a set with (m, d) real ones, and with those of its captions."""

    version: ClassVar[int] = 1
    side: ClassVar[str] = "set"
    needs: ClassVar[tuple[str, ...]] = ("features", "real_features", "paired_features")
    optional: ClassVar[tuple[str, ...]] = ("paired_features",)
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "kernel": {
            "direction": "down",
            "range": [None, None],
            "source": "Binkowski et al., arXiv 1801.01401 (KID), on the whole sets",
            "misses": "captions; moments above the third; below zero at times",
        },
        "cmmd": {
            "direction": "down",
            "range": [None, None],
            "source": "Jayasumana et al., arXiv 2401.09603, unbiased, sigma = 10 on unit vectors, times 1000",
            "misses": "captions; nearly all but the mean direction",
        },
        "precision": {
            "direction": "up",
            "range": [0, 1],
            "source": "Kynkaanniemi et al., arXiv 1904.06991, eq. 1-2, k = 3",
            "misses": "captions; lost modes",
        },
        "recall": {
            "direction": "up",
            "range": [0, 1],
            "source": "Kynkaanniemi et al., arXiv 1904.06991, eq. 1-2, k = 3",
            "misses": "captions; quality: scattered bad images have large balls and cover much",
        },
        "density": {
            "direction": "up",
            "range": [0, None],
            "source": "Naeem et al., arXiv 2002.09797, section 3, k = 5",
            "misses": "captions; lost modes",
        },
        "coverage": {
            "direction": "up",
            "range": [0, 1],
            "source": "Naeem et al., arXiv 2002.09797, section 3, k = 5",
            "misses": "captions; how often a mode is drawn",
        },
        "vendi": {
            "direction": "up",
            "range": [1, None],
            "source": "Friedman and Dieng, arXiv 2210.02410, eq. 1 with the cosine kernel, at most n",
            "misses": "captions; truth: noise is diverse; rises with n",
        },
        "clipscore": {
            "direction": "up",
            "range": [0, 2.5],
            "source": "Hessel et al., arXiv 2104.08718, w = 2.5, clipped at zero, mean over pairs",
            "misses": "lost diversity: caricatures and safe captions align well",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Computes the values that the judge and the number of images allow."""
        assert view.features is not None
        assert view.real_features is not None
        real = real_side(view.real_features)
        fake = fitting(view.features, real)
        values = {"vendi": vendi_score(fake)}
        if min(len(fake), len(real.features)) > 1:
            values["kernel"] = kernel_distance(fake, real.features, real.kernel)
            values["cmmd"] = cmmd(fake, real.unit, real.similarity)
        if min(len(fake), len(real.features)) > COVERAGE_K:
            values |= manifolds(fake - real.centre, real.centred, real.radii)
        if view.paired_features is not None:
            values["clipscore"] = float(clip_scores(view.paired_features, fake).mean())
        self.absent = {name: "too few images" for name in self.declares if name not in values}
        if view.paired_features is None:
            self.absent["clipscore"] = "the set comes without paired_features"
        return values

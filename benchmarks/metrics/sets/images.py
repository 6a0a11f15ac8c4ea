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

    name: ClassVar[str] = "set_images"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "set"
    needs: ClassVar[tuple[str, ...]] = ("features", "real_features", "paired_features")
    optional: ClassVar[tuple[str, ...]] = ("paired_features",)
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "kernel": {
            "direction": "down",
            "range": [None, None],
            "with_n": "stable in the mean (unbiased, below 0 at times), noise falls",
            "source": "Binkowski et al., arXiv 1801.01401 (KID), on the whole sets",
            "misses": "whether captions fit; moments above the third",
            "healthy": "captions are wrong and images are right",
        },
        "cmmd": {
            "direction": "down",
            "range": [None, None],
            "with_n": "stable in the mean (unbiased, below 0 at times), noise falls",
            "source": "Jayasumana et al., arXiv 2401.09603, unbiased, sigma = 10 on unit vectors, times 1000",
            "misses": "whether captions fit; nearly all but the mean direction",
            "healthy": "captions are wrong and images are right",
        },
        "precision": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "drifts (balls shrink as real points crowd)",
            "source": "Kynkaanniemi et al., arXiv 1904.06991, eq. 1-2, k = 3",
            "misses": "whether captions fit; lost modes",
            "healthy": "captions are wrong and images are right",
        },
        "recall": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "drifts (balls shrink as fakes crowd)",
            "source": "Kynkaanniemi et al., arXiv 1904.06991, eq. 1-2, k = 3",
            "misses": "whether captions fit; quality: scattered bad images have large balls and cover much",
            "healthy": "captions are wrong and images are right",
        },
        "density": {
            "direction": "up",
            "range": [0, None],
            "with_n": "stable",
            "source": "Naeem et al., arXiv 2002.09797, section 3, k = 5; 1 where sets agree",
            "misses": "whether captions fit; lost modes",
            "healthy": "captions are wrong and images are right",
        },
        "coverage": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable for equal sizes, 0.97 where sets agree",
            "source": "Naeem et al., arXiv 2002.09797, section 3, k = 5",
            "misses": "whether captions fit; how often a mode is drawn",
            "healthy": "captions are wrong and images are right",
        },
        "vendi": {
            "direction": "up",
            "range": [1, None],
            "with_n": "rises",
            "source": "Friedman and Dieng, arXiv 2210.02410, eq. 1 with the cosine kernel, at most n",
            "misses": "whether captions fit; truth",
            "healthy": "noise is diverse",
        },
        "clipscore": {
            "direction": "up",
            "range": [0, 2.5],
            "with_n": "stable",
            "source": "Hessel et al., arXiv 2104.08718, w = 2.5, clipped at zero, mean over pairs",
            "misses": "lost diversity",
            "healthy": "pairs are safe, or caricatures: they align well",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that the judge and the number of images allow."""
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

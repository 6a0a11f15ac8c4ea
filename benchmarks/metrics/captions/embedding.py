"""Distance between generated and real captions as distributions in a judge's text space."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.metrics.family import Family
from benchmarks.metrics.images.frechet import frechet, gaussian
from benchmarks.metrics.images.kernels import kernel_distance
from benchmarks.metrics.images.real_side import fitting, real_side
from benchmarks.metrics.view import View


class CaptionEmbedding(Family):
    """Compares features of n captions with those of real captions of the floor split, one of each item.

    Both are distances between sets: whether a caption fits its picture does not enter. MAUVE (arXiv 2102.01454)
    would bin both sets into n / 10 clusters and wants thousands of texts; the kernel distance is unbiased at
    any n.
    """

    name: ClassVar[str] = "caption_embedding"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "captioner"
    needs: ClassVar[tuple[str, ...]] = ("features", "real_caption_features")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "text_frechet": {
            "direction": "down",
            "range": [0, None],
            "with_n": "falls, about as 1/n: compare at equal n only",
            "source": "Xiang et al., arXiv 2105.02573 (Fréchet distance of sentence embeddings)",
            "misses": "whether captions fit their pictures; everything beyond mean and covariance",
            "healthy": "captions are swapped between pictures",
        },
        "text_kernel": {
            "direction": "down",
            "range": [None, None],
            "with_n": "stable in the mean (unbiased, below 0 at times), noise falls",
            "source": "Gretton et al. 2012, unbiased squared MMD, with the cubic kernel of arXiv 1801.01401",
            "misses": "whether captions fit their pictures; moments above the third",
            "healthy": "captions are swapped between pictures; its floor is 0",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names."""
        real = real_side(view.real_caption_features)
        said = fitting(view.features, real)
        if min(len(said), len(real.features)) < 2:
            self.absent = dict.fromkeys(self.declares, "too few captions")
            return {}
        return {
            "text_frechet": frechet(gaussian(said), real.gaussian),
            "text_kernel": kernel_distance(said, real.features, real.kernel),
        }

"""Distance between generated and real captions as distributions in a judge's text space."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import numpy as np

from benchmarks.metrics.family import Family, finite
from benchmarks.metrics.image_distance import Gaussian, frechet, gaussian, kernel_distance, self_similarity
from benchmarks.metrics.view import View


class CaptionEmbedding(Family):
    """Compares features of n captions with those of real captions of the floor split, one of each item.

    Both are distances between sets: whether a caption fits its picture does not enter. MAUVE (arXiv 2102.01454)
    would bin both sets into n / 10 clusters and wants thousands of texts; the kernel distance is unbiased at
    any n.
    """

    version: ClassVar[int] = 1
    side: ClassVar[str] = "captioner"
    needs: ClassVar[tuple[str, ...]] = ("features", "real_caption_features")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "text_frechet": {
            "direction": "down",
            "range": [0, None],
            "source": "Xiang et al., arXiv 2105.02573 (Fréchet distance of sentence embeddings)",
            "misses": "everything beyond mean and covariance; biased upwards by about 1/n",
        },
        "text_kernel": {
            "direction": "down",
            "range": [None, None],
            "source": "Gretton et al. 2012, unbiased squared MMD, with the cubic kernel of arXiv 1801.01401",
            "misses": "moments above the third; whether captions fit their pictures",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Computes the values that `declares` names."""
        assert view.features is not None
        assert view.real_caption_features is not None
        said, real = view.features, finite(view.real_caption_features, "real_caption_features")
        if said.shape[1] != real.shape[1]:
            raise ValueError(f"features have {said.shape[1]} dimensions, real_caption_features {real.shape[1]}")
        if min(len(said), len(real)) < 2:
            self.absent = dict.fromkeys(self.declares, "too few captions")
            return {}
        law, similarity = _real_side(real)
        return {
            "text_frechet": frechet(gaussian(said), law),
            "text_kernel": kernel_distance(said, real, similarity),
        }


_REAL: dict[str, tuple[Gaussian, float]] = {}


def _real_side(features: np.ndarray) -> tuple[Gaussian, float]:
    """Returns what depends on real features (m, d) alone; the last two are remembered by content."""
    content = hashlib.sha256(np.ascontiguousarray(features).tobytes() + repr(features.shape).encode()).hexdigest()
    if content not in _REAL:
        while len(_REAL) >= 2:
            _REAL.pop(next(iter(_REAL)))
        _REAL[content] = gaussian(features), self_similarity(features)
    return _REAL[content]

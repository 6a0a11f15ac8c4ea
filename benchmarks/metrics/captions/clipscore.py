"""CLIPScore and RefCLIPScore (Hessel et al., EMNLP 2021, arXiv 2104.08718) from features of a joint judge."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.metrics.family import Family
from benchmarks.metrics.images.pairs import unit
from benchmarks.metrics.jackknife import left_out_means
from benchmarks.metrics.view import View

W = 2.5


class ClipScore(Family):
    """Scores captions against the images that they describe, and against human captions of those.

    The judge is the engine's: `features` are of captions, `paired_features` of images, `reference_features` of the
    references. Captions are embedded as they are, without the words "A photo depicts" that the paper puts in front.
    """

    name: ClassVar[str] = "clip_score"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "captioner"
    needs: ClassVar[tuple[str, ...]] = ("features", "paired_features", "reference_features")
    optional: ClassVar[tuple[str, ...]] = ("reference_features",)
    intervals: ClassVar[tuple[str, ...]] = ("clipscore", "ref_clipscore")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "clipscore": {
            "direction": "up",
            "range": [0, 2.5],
            "with_n": "stable",
            "source": "Hessel et al., arXiv 2104.08718, w = 2.5, clipped at zero, mean over captions",
            "misses": "lost diversity",
            "healthy": "safe captions align well: it may rise all the way",
        },
        "ref_clipscore": {
            "direction": "up",
            "range": [0, 1.4285714285714286],
            "with_n": "stable; rises with the number of references",
            "source": "Hessel et al., arXiv 2104.08718, harmonic mean with the closest reference, mean over captions",
            "misses": "lost diversity; what no reference mentions",
            "healthy": "captions converge on what one of five people always says",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names."""
        scores = _scores(view)
        if "ref_clipscore" not in scores:
            self.absent["ref_clipscore"] = "there are no references"
        return {name: float(of_each.mean()) for name, of_each in scores.items()}

    def left_out(self, view: View, blocks: np.ndarray) -> dict[str, np.ndarray]:
        """Compute the values without each block of the captions."""
        return {name: left_out_means(of_each, blocks) for name, of_each in _scores(view).items()}


def _scores(view: View) -> dict[str, np.ndarray]:
    scores = {"clipscore": clip_scores(view.features, view.paired_features)}
    if view.reference_features is not None:
        scores["ref_clipscore"] = ref_clip_scores(view.features, view.paired_features, view.reference_features)
    return scores


def clip_scores(captions: np.ndarray, images: np.ndarray) -> np.ndarray:
    """CLIPScore (n,) of captions and images, (n, d) features each: 2.5 max(cosine, 0), hence 0 to 2.5.

    Raises:
        ValueError: the shapes differ, or there is nothing to score.
    """
    if captions.shape != images.shape or not len(captions):
        raise ValueError(f"features {captions.shape} and paired_features {images.shape} do not pair up")
    return W * np.maximum((unit(captions) * unit(images)).sum(axis=1), 0)


def ref_clip_scores(captions: np.ndarray, images: np.ndarray, references: np.ndarray) -> np.ndarray:
    """RefCLIPScore (n,): harmonic mean of CLIPScore and max(cosine with the closest reference, 0), 0 to 10/7.

    Args:
        captions: (n, d) features.
        images: (n, d) features.
        references: (n, r, d) features; those of an item with fewer than r are NaN.

    Raises:
        ValueError: the shapes do not fit, or an item has no reference.
    """
    n, r, d = references.shape
    there = ~np.isnan(references).any(axis=2)
    if (n, d) != captions.shape or not there.any(axis=1).all():
        raise ValueError(f"reference_features {references.shape} do not hold a reference of each of {captions.shape}")
    vectors = unit(np.nan_to_num(references).reshape(-1, d)).reshape(n, r, d)
    cosines = np.where(there, np.einsum("nd,nrd->nr", unit(captions), vectors), -1)
    score, closest = clip_scores(captions, images), np.maximum(cosines.max(axis=1), 0)
    both = score + closest
    return np.where(both > 0, 2 * score * closest / np.where(both > 0, both, 1), 0)

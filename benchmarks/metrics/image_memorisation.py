"""Whether generated images are copies of those that the base model was trained on."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.metrics.family import Family, finite
from benchmarks.metrics.image_pairs import BORDER, row_blocks, squared_distances
from benchmarks.metrics.jackknife import left_out_means
from benchmarks.metrics.real_side import fitting, real_side
from benchmarks.metrics.view import View


class ImageMemorisation(Family):
    """Asks of each generated image whether a training image or a held-out one is nearer.

    Training and held-out images are as many and of one law, so a model that copies nothing is at one half, however good
    or bad its images are: both distances belong to the same image. Meehan et al. compare distances of generated images
    to training ones with those of held-out images, which mixes copying with quality: a collapsed model is far from all.
    """

    version: ClassVar[int] = 1
    side: ClassVar[str] = "generator"
    needs: ClassVar[tuple[str, ...]] = ("features", "real_features", "train_features")
    intervals: ClassVar[tuple[str, ...]] = ("memorisation",)
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "memorisation": {
            "direction": "down",
            "range": [0, 1],
            "source": "share nearer to a training image than to a held-out one, after Meehan et al., arXiv 2004.05675",
            "misses": "copies of training images beyond the first n; copies that the judge does not recognise",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Computes the value that `declares` names."""
        scores = _scores(view)
        if scores is None:
            self.absent["memorisation"] = "training and held-out images are not equally many"
            return {}
        return {"memorisation": float(scores.mean())}

    def left_out(self, view: View, blocks: np.ndarray) -> dict[str, np.ndarray]:
        """Computes the value without each block of the generated images."""
        scores = _scores(view)
        return {} if scores is None else {"memorisation": left_out_means(scores, blocks)}


def _scores(view: View) -> np.ndarray | None:
    assert view.features is not None
    assert view.real_features is not None
    assert view.train_features is not None
    held_out = real_side(view.real_features)
    if len(view.train_features) != len(view.real_features):
        return None
    train = finite(view.train_features, "train_features") - held_out.centre
    return nearer_to_training(fitting(view.features, held_out) - held_out.centre, train, held_out.centred)


def nearer_to_training(fake: np.ndarray, train: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Return (n,): 1 where a training item is nearer than every held-out one, 0 where a held-out one is, 1/2 if level.

    Args:
        fake: (n, d) generated items.
        train: (m, d) items trained on.
        held_out: (m, d) items of the same law that were not trained on.
    """
    nearest = [
        np.concatenate([squared_distances(fake[part], items).min(axis=1) for part in row_blocks(len(fake))])
        for items in (train, held_out)
    ]
    first, second = nearest
    level = np.abs(first - second) <= BORDER * np.maximum(first, second)
    return np.where(level, 0.5, (first < second).astype(float))

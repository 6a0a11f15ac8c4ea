"""Whether generated images are copies of those that the base model was trained on."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.metrics.family import Family, finite
from benchmarks.metrics.images.pairs import BORDER, row_blocks, squared_distances
from benchmarks.metrics.images.real_side import fitting, real_side
from benchmarks.metrics.view import View


class ImageMemorisation(Family):
    """Asks of each generated image whether a training image or a held-out one is nearer.

    Training and held-out images are as many and of one law, so a model that copies nothing is at one half on average,
    however good or bad its images are: both distances belong to the same image. Meehan et al. compare distances of
    generated images to training ones with those of held-out images, which mixes copying with quality: a collapsed
    model is far from all. Images that crowd have few nearest neighbours between them, and a share of few is far from
    one half by chance; `memorisation_z` counts neighbours instead of images.
    """

    name: ClassVar[str] = "image_memorisation"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "generator"
    needs: ClassVar[tuple[str, ...]] = ("features", "real_features", "train_features")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "memorisation": {
            "direction": "down",
            "range": [0, 1],
            "with_n": "power grows with n",
            "source": "share nearer to a training than to a held-out image (after arXiv 2004.05675); 1/2: no copies",
            "misses": "copies of training images beyond the first n; copies that the judge does not recognise",
            "healthy": "always: a model can collapse without copying",
        },
        "memorisation_z": {
            "direction": "down",
            "range": [None, None],
            "with_n": "grows as the root of n where there are copies",
            "source": "memorisation minus 1/2 in standard deviations of exchanging training and held-out images",
            "misses": "as memorisation; how large the share is",
            "healthy": "always: a model can collapse without copying",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names."""
        held_out = real_side(view.real_features)
        if len(view.train_features) != len(held_out.features):
            self.absent = dict.fromkeys(self.declares, "training and held-out images are not equally many")
            return {}
        train = finite(view.train_features, "train_features") - held_out.centre
        fake = fitting(view.features, held_out) - held_out.centre
        scores, spread = nearer_to_training(fake, train, held_out.centred)
        excess = float(scores.mean()) - 0.5
        if spread == 0:
            self.absent["memorisation_z"] = "every image is as near to a training image as to a held-out one"
            return {"memorisation": 0.5 + excess}
        return {"memorisation": 0.5 + excess, "memorisation_z": excess / spread}


def nearer_to_training(fake: np.ndarray, train: np.ndarray, held_out: np.ndarray) -> tuple[np.ndarray, float]:
    """Compare the nearest training item of each generated one with its nearest held-out item.

    Args:
        fake: (n, d) generated items.
        train: (m, d) items trained on.
        held_out: (m, d) items of the same law that were not trained on.

    Returns:
        scores (n,): 1 where a training item is nearer than every held-out one, 0 where a held-out one is, 1/2 if level;
        and the standard deviation of their mean if m of the 2m real items were called training items at random.
    """
    (first, of_first), (second, of_second) = _nearest(fake, train), _nearest(fake, held_out)
    level = np.abs(first - second) <= BORDER * np.maximum(first, second)
    scores = np.where(level, 0.5, (first < second).astype(float))
    # A real item that is nearest to c generated ones takes all c of them to its side.
    owners = np.where(first < second, of_first, len(train) + of_second)[~level]
    claimed, items = np.bincount(owners, minlength=2 * len(train)), 2 * len(train)
    variance = items / (items - 1) / 4 * ((claimed**2).sum() - claimed.sum() ** 2 / items)
    return scores, float(np.sqrt(variance) / len(fake))


def _nearest(fake: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) squared distances of items to the nearest real one, and (n,) which one that is."""
    distances, places = [], []
    for part in row_blocks(len(fake)):
        squared = squared_distances(fake[part], real)
        distances.append(squared.min(axis=1))
        places.append(squared.argmin(axis=1))
    return np.concatenate(distances), np.concatenate(places)

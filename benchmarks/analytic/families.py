"""Metrics of the analytic testbed: diversity and drift of images (numbers) and captions (class names).

Evaluation noise is equal for every cell and iteration, so the images of one class are ``mean + sd * z`` with
the same z always: a variance divided by that of iteration 0 is the model's own variance ratio, with no
sampling error left. Captions have no such identity. The set that a captioner is fitted to has: its class
frequencies *are* the shares of the next captioner, and its moments those of the next generator, so theory is
checked on `PoolLaw`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from benchmarks.metrics.family import Family, MetricUnavailable
from benchmarks.metrics.view import View


class ImageMoments(Family):
    """Within-class moments of drawn images, classes as asked for."""

    name: ClassVar[str] = "image_moments"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "generator"
    needs: ClassVar[tuple[str, ...]] = ("images", "attributes", "oracle")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "variance": {
            "direction": "up",
            "range": [0, None],
            "source": "unbiased variance within a class, mean over classes with at least two images",
            "misses": "a wrong mean; a law that is not Gaussian",
        },
        "variance_head": {
            "direction": "up",
            "range": [0, None],
            "source": "unbiased variance within the most frequent class",
            "misses": "every other class",
        },
        "variance_tail": {
            "direction": "up",
            "range": [0, None],
            "source": "unbiased variance within a class, mean over the rarest third of the classes",
            "misses": "every other class",
        },
        "mean_drift": {
            "direction": "down",
            "range": [0, None],
            "source": "squared distance of the class mean from the true one, mean over classes",
            "misses": "lost variance",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names."""
        names = list(view.oracle.frequencies()["class"])
        classes = codes([item["class"][0] for item in view.attributes], names)
        counts, means, variances = moments(np.asarray(view.images), classes, len(names))
        enough = counts >= 2
        if not enough.any():
            raise MetricUnavailable("no class has two images")
        unbiased = variances * counts / np.maximum(counts - 1, 1)
        drift = (means - np.asarray(view.oracle.means))[enough] ** 2
        values = {"variance": unbiased[enough].mean(), "mean_drift": drift.mean()}
        shares = np.array(list(view.oracle.frequencies()["class"].values()))
        tail = codes(view.oracle.tail("class"), names)
        for name, rows in (("variance_head", np.array([shares.argmax()])), ("variance_tail", tail)):
            rows = rows[enough[rows]]
            if rows.size:
                values[name] = unbiased[rows].mean()
            else:
                self.absent[name] = "none of its classes has two images"
        return {name: float(value) for name, value in values.items()}


class CaptionLaw(Family):
    """Class frequencies of the captions of the evaluation images."""

    name: ClassVar[str] = "caption_law"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "captioner"
    needs: ClassVar[tuple[str, ...]] = ("captions", "oracle")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "heterozygosity": {
            "direction": "up",
            "range": [0, 1],
            "source": "chance that two captions differ: n / (n - 1) (1 - sum of squared frequencies)",
            "misses": "which classes are left",
        },
        "tail_survival": {
            "direction": "up",
            "range": [0, 1],
            "source": "min(1, frequency / true share), mean over the rarest third of the classes",
            "misses": "the head; tail captions on the wrong images",
        },
        "tail_alive": {
            "direction": "up",
            "range": [0, 1],
            "source": "share of the rarest third of the classes that still occur",
            "misses": "how rare they have become",
        },
        "class_drift": {
            "direction": "down",
            "range": [0, 1],
            "source": "total variation between caption frequencies and true shares",
            "misses": "captions on the wrong images",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names."""
        n = len(view.captions)
        values = class_law(view.captions, view.oracle)
        values["heterozygosity"] *= n / max(n - 1, 1)
        return values


class PoolLaw(Family):
    """The set that is about to be trained on, classes as captioned; variances divided by n, as in a fit."""

    name: ClassVar[str] = "pool_law"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "set"
    needs: ClassVar[tuple[str, ...]] = ("captions", "images", "oracle")
    optional: ClassVar[tuple[str, ...]] = ("captions", "images")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "heterozygosity": {
            "direction": "up",
            "range": [0, 1],
            "source": "1 - sum of squared caption frequencies: that of a captioner fitted to this set",
            "misses": "which classes are left",
        },
        "tail_survival": {
            "direction": "up",
            "range": [0, 1],
            "source": "min(1, frequency / true share), mean over the rarest third of the classes",
            "misses": "the head",
        },
        "tail_alive": {
            "direction": "up",
            "range": [0, 1],
            "source": "share of the rarest third of the classes that still occur",
            "misses": "how rare they have become",
        },
        "class_drift": {
            "direction": "down",
            "range": [0, 1],
            "source": "total variation between caption frequencies and true shares",
            "misses": "captions on the wrong images",
        },
        "variance_within": {
            "direction": "up",
            "range": [0, None],
            "source": "variance within the captioned class, mean over images",
            "misses": "distance between the classes",
        },
        "variance_total": {
            "direction": "up",
            "range": [0, None],
            "source": "variance of all images",
            "misses": "where the spread comes from",
        },
        "mean_drift": {
            "direction": "down",
            "range": [0, None],
            "source": "squared distance of the captioned class's mean from the true one, mean over images",
            "misses": "lost variance",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values whose inputs are there."""
        values: dict[str, float] = {}
        if view.captions is None:
            self.absent |= dict.fromkeys(self.declares, "the set comes without captions")
        else:
            values |= class_law(view.captions, view.oracle)
        if view.images is not None:
            images = np.asarray(view.images)
            values["variance_total"] = float(images.var())
            self.absent.pop("variance_total", None)
            if view.captions is not None:
                names = list(view.oracle.frequencies()["class"])
                counts, means, variances = moments(images, codes(view.captions, names), len(names))
                drift = (means - np.asarray(view.oracle.means)) ** 2
                shares = counts / max(counts.sum(), 1)
                values["variance_within"], values["mean_drift"] = float(shares @ variances), float(shares @ drift)
        else:
            imageless = ("variance_within", "variance_total", "mean_drift")
            self.absent |= dict.fromkeys(imageless, "the set comes without images")
        return values


def codes(captions: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Return the (n,) position of each caption in ``names``, len(names) for one that is not there."""
    index = {name: k for k, name in enumerate(names)}
    return np.fromiter((index.get(c, len(names)) for c in captions), dtype=np.int64, count=len(captions))


def moments(images: np.ndarray, classes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts, means and variances (divided by n) of each class, (size,) each, 0 where it is empty."""
    known = classes < size
    images, classes = images[known], classes[known]
    counts = np.bincount(classes, minlength=size)
    divisor = np.maximum(counts, 1)
    means = np.bincount(classes, images, size) / divisor
    return counts, means, np.bincount(classes, (images - means[classes]) ** 2, size) / divisor


def class_law(captions: Sequence[str], oracle: Any) -> dict[str, float]:
    """Return heterozygosity (not corrected for n), tail survival, tail alive and class drift of n captions.

    A caption that names no class is a class of its own with true share 0.
    """
    shares = oracle.frequencies()["class"]
    names = list(shares)
    counts = np.bincount(codes(captions, names), minlength=len(names) + 1)
    frequencies = counts / max(len(captions), 1)
    true = np.array([*shares.values(), 0.0])
    tail = codes(oracle.tail("class"), names)
    kept = np.minimum(1.0, frequencies[tail] / np.maximum(true[tail], np.finfo(np.float64).tiny))
    return {
        "heterozygosity": float(1.0 - (frequencies**2).sum()),
        "tail_survival": float(kept.mean()),
        "tail_alive": float((counts[tail] > 0).mean()),
        "class_drift": float(0.5 * np.abs(frequencies - true).sum()),
    }

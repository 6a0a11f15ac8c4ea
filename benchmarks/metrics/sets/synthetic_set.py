"""What can be said of a synthetic set before anything is trained on it.

A set is n (image, caption) pairs of the same items that a model made and the next one will learn from.
Which of its sides is synthetic depends on the scenario, so every value is made from what there is and left
out otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from benchmarks.metrics.alignment import alignment
from benchmarks.metrics.captions.diversity import unique_share
from benchmarks.metrics.captions.overlap import NGRAM, bleu, most_words, no_ngram
from benchmarks.metrics.captions.tokens import tokenise_pairs
from benchmarks.metrics.family import Family, MetricUnavailable
from benchmarks.metrics.images.frechet import frechet, gaussian, left_out_frechet
from benchmarks.metrics.images.real_side import fitting, real_side
from benchmarks.metrics.java.ptb import find_java
from benchmarks.metrics.oracle_scores import TAIL_ITEMS, attribute_accuracy, tail_survival
from benchmarks.metrics.variance import variance
from benchmarks.metrics.view import View
from datamodules.scenes.oracle import ABSENT, UNREADABLE, Readings, Truth, match


class SyntheticSet(Family):
    """Describes a pool; `features` are those of its images, `paired_features` those of its captions."""

    name: ClassVar[str] = "synthetic_set"
    version: ClassVar[int] = 3
    side: ClassVar[str] = "set"
    needs: ClassVar[tuple[str, ...]] = (
        "captions",
        "references",
        "images",
        "features",
        "real_features",
        "paired_features",
        "attributes",
        "oracle",
        "java",
    )
    optional: ClassVar[tuple[str, ...]] = (
        "captions",
        "references",
        "images",
        "features",
        "real_features",
        "paired_features",
        "attributes",
        "oracle",
        "java",
    )
    intervals: ClassVar[tuple[str, ...]] = ("frechet",)
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "frechet": {
            "direction": "down",
            "range": [0, None],
            "with_n": "falls, about as 1/n: compare at equal n only",
            "source": "Heusel et al., arXiv 1706.08500, eq. 6, images of the set against the floor split",
            "misses": "whether captions fit; everything beyond mean and covariance",
            "healthy": "captions are wrong and images are right",
        },
        "bleu4": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable (corpus counts)",
            "source": "Papineni et al., ACL 2002, captions of the set against the references of their items",
            "misses": "images; diversity; wrong attributes inside the usual sentence form",
            "healthy": "captions converge on the most common form",
        },
        "attribute_accuracy": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable",
            "source": "share of slots of which image and caption say the same, both read by the oracle",
            "misses": "pairs that agree with each other and not with what was asked for",
            "healthy": "the loop drifts in both at once",
        },
        "tail_survival": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "rises (the minimum is taken of less noisy counts); absent below 20 true occurrences",
            "source": "mean of min(1, n_caption / n_real) over values of the rarest third",
            "misses": "where tail values are said; images",
            "healthy": "rare values move to wrong items",
        },
        "unique_share": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "falls (repetition is found more often)",
            "source": "share of different captions",
            "misses": "small variations of one sentence count in full",
            "healthy": "one template is filled with shuffled words",
        },
        "alignment": {
            "direction": "up",
            "range": [-1, 1],
            "with_n": "stable",
            "source": "Hessel et al., arXiv 2104.08718 (CLIPScore with w = 1, not clipped at zero)",
            "misses": "lost diversity",
            "healthy": "pairs are safe, or caricatures: they align well",
        },
        "variance": {
            "direction": "none",
            "range": [0, None],
            "with_n": "stable (unbiased)",
            "source": "trace of the covariance of image features",
            "misses": "whether the spread follows the prompts or is noise",
            "healthy": "artefacts grow",
        },
        "caption_variance": {
            "direction": "none",
            "range": [0, None],
            "with_n": "stable (unbiased)",
            "source": "trace of the covariance of caption features",
            "misses": "whether the spread follows the images or is noise",
            "healthy": "noise replaces meaning",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values whose inputs are there."""
        recipes: dict[str, tuple[tuple[str, ...], Callable[[View, _Captions], float]]] = {
            "frechet": (("features", "real_features"), _frechet),
            "bleu4": (("captions", "references"), _bleu4),
            "attribute_accuracy": (("captions", "images", "oracle"), _pair_accuracy),
            "tail_survival": (("captions", "attributes", "oracle"), _tail_survival),
            "unique_share": (("captions",), lambda v, _: unique_share(v.captions or [])),
            "alignment": (("features", "paired_features"), _alignment),
            "variance": (("features",), lambda v, _: _spread(v.features)),
            "caption_variance": (("paired_features",), lambda v, _: _spread(v.paired_features)),
        }
        values = {}
        captions = _Captions(view)
        for name, (inputs, recipe) in recipes.items():
            missing = [field for field in inputs if getattr(view, field) is None]
            if missing:
                self.absent[name] = f"the set comes without {', '.join(missing)}"
                continue
            try:
                values[name] = recipe(view, captions)
            except MetricUnavailable as reason:
                self.absent[name] = str(reason)
        return values

    def left_out(self, view: View, blocks: np.ndarray) -> dict[str, np.ndarray]:
        """Compute the distance without each block of the set."""
        if view.features is None or view.real_features is None or "frechet" in self.absent:
            return {}
        return {"frechet": left_out_frechet(gaussian(view.features), real_side(view.real_features).gaussian, blocks)}


class _Captions:
    """Captions of a set, parsed when first asked for and then kept."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._read: Readings | None = None

    def read(self) -> Readings:
        if self._read is None:
            self._read = self._view.oracle.read_captions(self._view.captions)
        return self._read


def pair_accuracy(captions: Readings, images: Readings) -> float:
    """Mean over attributes and items of the share of slots of which a caption and its image say the same.

    What is unreadable on either side agrees with nothing.
    """
    return attribute_accuracy(match(stated(captions), images))


def stated(read: Readings) -> list[Truth]:
    """Turn readings of captions into the truth that images are held against."""
    # An unreadable caption keeps its slots under a name that no image can have: "?" must not agree with "?".
    columns = {
        name: np.where(values == UNREADABLE, "unstated?", values).tolist() for name, values in read.values.items()
    }
    return [
        {name: tuple(value for value in rows[item] if value != ABSENT) for name, rows in columns.items()}
        for item in range(len(read))
    ]


def _frechet(view: View, _: _Captions) -> float:
    if min(len(view.features), len(view.real_features)) < 2:
        raise MetricUnavailable("too few images")
    real = real_side(view.real_features)
    return frechet(gaussian(fitting(view.features, real)), real.gaussian)


def _bleu4(view: View, _: _Captions) -> float:
    find_java()
    captions, references = tokenise_pairs(view.captions, view.references)
    if most_words(references) < NGRAM:
        raise MetricUnavailable(no_ngram(NGRAM))
    return bleu(captions, references)[NGRAM - 1]


def _pair_accuracy(view: View, captions: _Captions) -> float:
    return pair_accuracy(captions.read(), view.oracle.read_images(view.images))


def _tail_survival(view: View, captions: _Captions) -> float:
    read = captions.read()
    tails = {attribute: tuple(view.oracle.tail(attribute)) for attribute in read.values}
    survival = tail_survival(view.attributes, read, tails)
    if survival is None:
        raise MetricUnavailable(f"no tail value occurs {TAIL_ITEMS} times")
    return survival


def _alignment(view: View, _: _Captions) -> float:
    return alignment(view.features, view.paired_features)


def _spread(features: np.ndarray | None) -> float:
    assert features is not None
    if len(features) < 2:
        raise MetricUnavailable("one item has no variance")
    return variance(features)

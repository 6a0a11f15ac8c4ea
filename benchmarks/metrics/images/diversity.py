"""How different generated images are from each other in a judge space, without any real image.

The trace of the covariance is `variance` of `benchmarks.metrics.variance`; here is what it leaves open: how the
spread is shared among directions, how many different images there are, and how different draws of one prompt are.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import scipy.linalg

from benchmarks.metrics.family import Family
from benchmarks.metrics.images.pairs import unit
from benchmarks.metrics.view import View


class ImageDiversity(Family):
    """Diversity of (n, d) features, and of k draws of the same prompt where there are any."""

    name: ClassVar[str] = "image_diversity"
    version: ClassVar[int] = 2
    side: ClassVar[str] = "generator"
    needs: ClassVar[tuple[str, ...]] = ("features", "draws")
    optional: ClassVar[tuple[str, ...]] = ("draws",)
    intervals: ClassVar[tuple[str, ...]] = ("vendi", "effective_rank", "top_share")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "vendi": {
            "direction": "up",
            "range": [1, None],
            "with_n": "rises",
            "source": "Friedman and Dieng, arXiv 2210.02410, eq. 1 with the cosine kernel, at most n",
            "misses": "truth: noise is diverse",
            "healthy": "artefacts differ more than images did",
        },
        "effective_rank": {
            "direction": "none",
            "range": [1, None],
            "with_n": "rises",
            "source": "exp of the entropy of the covariance's eigenvalues, at most d (Roy and Vetterli, EUSIPCO 2007)",
            "misses": "how large the spread is, and whether it is noise",
            "healthy": "spread shrinks evenly in all directions",
        },
        "top_share": {
            "direction": "none",
            "range": [0, 1],
            "with_n": "falls a little",
            "source": "largest eigenvalue of the covariance over its trace",
            "misses": "everything but one direction",
            "healthy": "spread shrinks evenly in all directions",
        },
        "within_diversity": {
            "direction": "up",
            "range": [0, 2],
            "with_n": "stable (unbiased in draws and inputs)",
            "source": "1 - cosine of two draws of one prompt, mean over pairs and prompts",
            "misses": "truth",
            "healthy": "draws ignore the prompt: they differ most",
        },
        "within_vendi": {
            "direction": "up",
            "range": [1, None],
            "with_n": "stable; depends on k",
            "source": "Friedman and Dieng, arXiv 2210.02410, of the k draws of a prompt, mean over prompts, at most k",
            "misses": "truth",
            "healthy": "draws ignore the prompt: they differ most",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names."""
        values = {"vendi": vendi_score(view.features)}
        spectrum = covariance_spectrum(view.features)
        if spectrum[-1] > _rounding(view.features):
            values |= {"effective_rank": effective_number(spectrum), "top_share": float(spectrum[-1] / spectrum.sum())}
        else:
            self.absent |= dict.fromkeys(("effective_rank", "top_share"), "all images are the same to the judge")
        draws = view.draw_features
        if draws is None or draws.shape[1] < 2:
            reason = "the inputs were not drawn several times"
            self.absent |= dict.fromkeys(("within_diversity", "within_vendi"), reason)
        else:
            values["within_diversity"] = within_diversity(draws)
            values["within_vendi"] = float(np.mean([vendi_score(of_one) for of_one in draws]))
        return values

    def left_out(self, view: View, blocks: np.ndarray) -> dict[str, np.ndarray]:
        """Compute the values of all images without each block."""
        rows, vectors = view.features - view.features.mean(axis=0), unit(view.features)
        whole, turned = rows.T @ rows, vectors.T @ vectors
        found = []
        for block in range(int(blocks.max()) + 1):
            out = blocks == block
            left, moved = int((~out).sum()), rows[out].sum(axis=0)
            similar = _eigenvalues((turned - vectors[out].T @ vectors[out]) / left)
            spectrum = _eigenvalues(whole - rows[out].T @ rows[out] - np.outer(moved, moved) / left)
            found.append((effective_number(similar), effective_number(spectrum), spectrum[-1] / spectrum.sum()))
        return dict(zip(self.intervals, np.array(found).T, strict=True))


def vendi_score(features: np.ndarray) -> float:
    """Vendi score (Friedman and Dieng, arXiv 2210.02410) of (n, d) features with the cosine kernel.

    The effective number of different items: 1 where all are alike, n where all are at right angles; higher is more
    diverse. It rises with n: compare at equal n. A row of zeros is taken to be like no other item.
    """
    vectors = unit(features)
    lengths = (vectors**2).sum(axis=1)
    spectrum = _spectrum(vectors) / len(features)
    empty = np.full(int((lengths == 0).sum()), 1 / len(features))
    return effective_number(np.concatenate([spectrum, empty]))


def covariance_spectrum(features: np.ndarray) -> np.ndarray:
    """Return eigenvalues of the unbiased covariance of (n, d) features in rising order, zeros beyond n left out."""
    return _spectrum(features - features.mean(axis=0)) / max(len(features) - 1, 1)


def effective_number(weights: np.ndarray) -> float:
    """Return exp of the entropy of weights (k,), none negative, made to sum to one: how many of them count."""
    shares = weights[weights > 0] / weights.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def within_diversity(draws: np.ndarray) -> float:
    """Mean of 1 - cosine over pairs of different draws of one input, then over inputs; (inputs, k, d), k > 1."""
    inputs, k, d = draws.shape
    vectors = unit(draws.reshape(-1, d)).reshape(inputs, k, d)
    # |sum|^2 is the sum of all k x k cosines, those of a draw with itself among them.
    pairs = (vectors.sum(axis=1) ** 2).sum(axis=1) - (vectors**2).sum(axis=(1, 2))
    return float(1 - (pairs / (k * (k - 1))).mean())


def _rounding(features: np.ndarray) -> float:
    """Return the variance that equal images seem to have: float32 judges round them as their batch has it."""
    return float(features.shape[1] * (8 * np.finfo(np.float32).eps * np.abs(features).max()) ** 2)


def _spectrum(rows: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of rows'rows, (n, d), from the smaller of the two products."""
    return _eigenvalues(rows @ rows.T if len(rows) <= rows.shape[1] else rows.T @ rows)


def _eigenvalues(symmetric: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of a matrix that has no negative ones, in rising order, rounding cut off."""
    values = scipy.linalg.eigvalsh(symmetric, check_finite=False)
    return np.where(values > len(values) * np.finfo(np.float64).eps * values[-1], values, 0.0)

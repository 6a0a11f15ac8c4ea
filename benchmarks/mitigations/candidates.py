"""What methods that choose among drawn candidates share: scores by scorers, which are never judges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.knobs import whole
from datamodules.pairs import Pairs

Scores = Mapping[str, Mapping[str, np.ndarray]]


class Candidates(Mitigation):
    """Draws several candidates of each prompt; a subclass chooses N of them in `curate`.

    Candidates of a captioner on real images differ only where its decoding samples; at temperature 0 all are equal.

    Args:
        factor: Candidates per prompt, 2 or more.
    """

    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("new", "scorers")}

    def __init__(self, factor: int):
        self.oversample = whole("factor", factor, 2)

    def alignment(self, scores: Scores) -> np.ndarray:
        """Return the cosine of each pair's image and caption, (n,) float64, mean over the scorers."""
        cosines = [(unit(s["images"]) * unit(s["captions"])).sum(1) for s in scores.values()]
        return np.mean(cosines, axis=0)

    def features(self, scores: Scores, sides: tuple[str, ...]) -> np.ndarray:
        """Return embeddings (n, d) float64 of one or both sides, each of length 1, of all scorers side by side."""
        return np.concatenate([unit(s[side]) for s in scores.values() for side in sides], axis=1)

    def made(self, pairs: Pairs) -> tuple[str, ...]:
        """Return the side that a model made: images that were asked for by prompts, else the captions of real ones."""
        return ("images",) if any(pairs.prompts) else ("captions",)

    def grid(self, values: np.ndarray) -> np.ndarray:
        """Return values of a pool (K x n, ...) as (K, n, ...): candidate by prompt."""
        return values.reshape(self.oversample, -1, *values.shape[1:])

    def chosen(self, pairs: Pairs, candidate: np.ndarray) -> Pairs:
        """Return candidate number `candidate[i]` of each prompt i, in the order of the prompts."""
        n = len(pairs) // self.oversample
        return pairs.take(candidate * n + np.arange(n))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (n, d) at length 1, float64; a vector of zeros stays."""
    vectors = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)

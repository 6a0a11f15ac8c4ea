"""Alignment of outputs with their inputs in the judge's joint space."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.metrics.family import Family
from benchmarks.metrics.view import View


class _Alignment(Family):
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("features", "paired_features")

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the value that `declares` names."""
        return {"alignment": alignment(view.features, view.paired_features)}


class CaptionerAlignment(_Alignment):
    """Cosine of each caption with the image that it describes."""

    name: ClassVar[str] = "captioner_alignment"
    side: ClassVar[str] = "captioner"
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "alignment": {
            "direction": "up",
            "range": [-1, 1],
            "with_n": "stable",
            "source": "Hessel et al., arXiv 2104.08718 (CLIPScore with w = 1, not clipped at zero)",
            "misses": "lost diversity",
            "healthy": "safe captions align well: it may rise all the way",
        }
    }


class GeneratorAlignment(_Alignment):
    """Cosine of each image with the prompt that it was drawn from."""

    name: ClassVar[str] = "generator_alignment"
    side: ClassVar[str] = "generator"
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "alignment": {
            "direction": "up",
            "range": [-1, 1],
            "with_n": "stable",
            "source": "Hessel et al., arXiv 2104.08718 (CLIPScore with w = 1, not clipped at zero)",
            "misses": "lost diversity",
            "healthy": "strong guidance draws caricatures that align well",
        }
    }


def alignment(features: np.ndarray, paired: np.ndarray) -> float:
    """Mean cosine of two (n, d) arrays, row by row; a row of zeros has cosine 0.

    Raises:
        ValueError: if the shapes differ or there are no rows.
    """
    if features.shape != paired.shape or not len(features):
        raise ValueError(f"features {features.shape} and paired_features {paired.shape} do not pair up")
    norms = np.linalg.norm(features, axis=1) * np.linalg.norm(paired, axis=1)
    return float(((features * paired).sum(axis=1) / np.where(norms == 0, 1, norms)).mean())

"""The shift of each attribute in captions, beside its mean in `CaptionOracle`; images have theirs in `ImageOracle`."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.metrics.family import Family
from benchmarks.metrics.oracle_scores import attribute_drifts
from benchmarks.metrics.view import View


class CaptionShift(Family):
    """Frequencies of what n captions say, against those of what is true of the same items, attribute by attribute."""

    name: ClassVar[str] = "caption_shift"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "captioner"
    needs: ClassVar[tuple[str, ...]] = ("captions", "attributes", "oracle")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "attribute_drift_*": {
            "direction": "down",
            "range": [0, 1],
            "with_n": "falls (noise of counts adds to it)",
            "source": "total variation of read and true values of one attribute, unreadable being a value",
            "misses": "wrong items with the right frequencies; which value gains",
            "healthy": "values are permuted among items",
        }
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute one value an attribute."""
        drifts = attribute_drifts(view.attributes, view.oracle.read_captions(view.captions))
        return {f"attribute_drift_{attribute}": drift for attribute, drift in drifts.items()}

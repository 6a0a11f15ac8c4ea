"""Whether images show what was asked for, by inverting the renderer."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.metrics.family import Family
from benchmarks.metrics.oracle_scores import attribute_drifts, oracle_scores
from benchmarks.metrics.view import View


class ImageOracle(Family):
    """Reads n images once and compares them with the attributes that the n prompts ask for."""

    name: ClassVar[str] = "image_oracle"
    version: ClassVar[int] = 2
    side: ClassVar[str] = "generator"
    needs: ClassVar[tuple[str, ...]] = ("images", "attributes", "oracle")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "attribute_accuracy": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable",
            "source": "share of slots of an image that agree with the truth, mean over attributes and items",
            "misses": "texture, sharpness and placement below the threshold of the reader",
            "healthy": "images turn into icons: easy to read, all alike",
        },
        "tail_accuracy": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable, noisy for small n",
            "source": "attribute_accuracy over items with a value of the rarest third",
            "misses": "tail values where they do not belong",
            "healthy": "the model draws a rare value for everything",
        },
        "readable_share": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable",
            "source": "share of images of which the oracle reads every attribute",
            "misses": "whether what is read is true",
            "healthy": "images turn into icons, or one perfect image serves all prompts",
        },
        "tail_survival": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "rises (the minimum is taken of less noisy counts); absent below 20 true occurrences",
            "source": "mean of min(1, n_synthetic / n_real) over values of the rarest third",
            "misses": "tail values in the wrong place, and values that grow too frequent",
            "healthy": "rare values move to wrong items",
        },
        "attribute_drift": {
            "direction": "down",
            "range": [0, 1],
            "with_n": "falls (noise of counts adds to it)",
            "source": "total variation of read and true values, unreadable being one, mean over attributes",
            "misses": "wrong items with the right frequencies, and dependence between attributes",
            "healthy": "values are permuted among items",
        },
        "attribute_drift_*": {
            "direction": "down",
            "range": [0, 1],
            "with_n": "falls (noise of counts adds to it)",
            "source": "total variation of read and true values of one attribute, unreadable being a value",
            "misses": "wrong items with the right frequencies; which value gains",
            "healthy": "values are permuted among items",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names."""
        read = view.oracle.read_images(view.images)
        values, self.absent, self.grains = oracle_scores(view.attributes, read, view.oracle)
        drifts = attribute_drifts(view.attributes, read)
        return values | {f"attribute_drift_{attribute}": drift for attribute, drift in drifts.items()}

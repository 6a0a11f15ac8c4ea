"""Whether captions say what is in the image, by an exact reader of the grammar."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.metrics.family import Family
from benchmarks.metrics.oracle_scores import oracle_scores
from benchmarks.metrics.view import View


class CaptionOracle(Family):
    """Reads n captions once and compares them with the true attributes of the n images."""

    name: ClassVar[str] = "caption_oracle"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "captioner"
    needs: ClassVar[tuple[str, ...]] = ("captions", "attributes", "oracle")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "attribute_accuracy": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable",
            "source": "share of slots of a caption that agree with the truth, mean over attributes and items",
            "misses": "fluency, and sentence forms: every paraphrase that states the truth scores the same",
            "healthy": "the tail dies, a small share of the mean: read `tail_accuracy`",
        },
        "tail_accuracy": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable, noisy for small n",
            "source": "attribute_accuracy over items with a value of the rarest third",
            "misses": "tail values where they do not belong",
            "healthy": "the model says a rare value for everything",
        },
        "readable_share": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable",
            "source": "share of captions of which the oracle reads every attribute",
            "misses": "whether what is read is true",
            "healthy": "there is one perfect caption for every image",
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
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names."""
        values, self.absent, self.grains = oracle_scores(
            view.attributes, view.oracle.read_captions(view.captions), view.oracle
        )
        return values

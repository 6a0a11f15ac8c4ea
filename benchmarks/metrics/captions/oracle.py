"""Whether captions say what is in the image, by an exact reader of the grammar."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.metrics.family import Family
from benchmarks.metrics.oracle_scores import oracle_scores
from benchmarks.metrics.view import View


class CaptionOracle(Family):
    """Reads n captions once and compares them with the true attributes of the n images."""

    version: ClassVar[int] = 1
    side: ClassVar[str] = "captioner"
    needs: ClassVar[tuple[str, ...]] = ("captions", "attributes", "oracle")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "attribute_accuracy": {
            "direction": "up",
            "range": [0, 1],
            "source": "share of slots of a caption that agree with the truth, mean over attributes and items",
            "misses": "fluency, and sentence forms: every paraphrase that states the truth scores the same",
        },
        "tail_accuracy": {
            "direction": "up",
            "range": [0, 1],
            "source": "attribute_accuracy over items with a value of the rarest third",
            "misses": "tail values where they do not belong",
        },
        "readable_share": {
            "direction": "up",
            "range": [0, 1],
            "source": "share of captions of which the oracle reads every attribute",
            "misses": "whether what is read is true: one perfect caption for all inputs scores 1",
        },
        "tail_survival": {
            "direction": "up",
            "range": [0, 1],
            "source": "mean of min(1, n_synthetic / n_real) over values of the rarest third",
            "misses": "tail values in the wrong place, and values that grow too frequent",
        },
        "attribute_drift": {
            "direction": "down",
            "range": [0, 1],
            "source": "total variation of read and true values, unreadable being one, mean over attributes",
            "misses": "wrong items with the right frequencies, and dependence between attributes",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Computes the values that `declares` names."""
        assert view.captions is not None
        assert view.attributes is not None
        values, self.absent = oracle_scores(view.attributes, view.oracle.read_captions(view.captions), view.oracle)
        return values

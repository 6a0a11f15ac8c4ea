"""How much of what a chain began with is left: similarity to generation 0 and its mean over the generations.

A chain draws what a caption says and captions what was drawn, again and again, and nothing trains: the "telephone game"
of arXiv 2509.04438. One alternation is a drawing and a captioning, two generations in the words of that paper, so that
its 20 generations are ours 1 to 10. Generation 0 is a real caption or a real image; "same" compares like with like
(captions with the caption, images with the image), "cross" the other side of each pair with it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.metrics.alignment import alignment
from benchmarks.metrics.family import Family
from benchmarks.metrics.view import View

#: Side of a pair, and the fields that hold a judge's features of it: of generation 0, of those between, of the last.
FIELDS = {
    "images": ("origin_features", "earlier_features", "features"),
    "captions": ("origin_paired_features", "earlier_paired_features", "paired_features"),
}


class Drift(Family):
    """Compares (n, d) features of generation t with those of generation 0, item by item."""

    name: ClassVar[str] = "generation_drift"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "set"
    needs: ClassVar[tuple[str, ...]] = (
        "begins",
        "features",
        "paired_features",
        "origin_features",
        "origin_paired_features",
        "earlier_features",
        "earlier_paired_features",
    )
    optional: ClassVar[tuple[str, ...]] = (
        "features",
        "paired_features",
        "origin_features",
        "origin_paired_features",
        "earlier_features",
        "earlier_paired_features",
    )
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "similarity_same": {
            "direction": "up",
            "range": [-1, 1],
            "with_n": "stable",
            "source": "arXiv 2509.04438, S(g): cosine of generation g and generation 0 of an item, mean over items",
            "misses": "what the judge does not see; what is left where `unrelated_same` is as high",
            "healthy": "all generations resemble a common item: read it against `unrelated_same`",
        },
        "similarity_cross": {
            "direction": "up",
            "range": [-1, 1],
            "with_n": "stable",
            "source": "arXiv 2509.04438, the same between an image and a caption",
            "misses": "what the judge does not see; a real pair is far from 1, too: read it against `real_cross`",
            "healthy": "all generations resemble a common item: read it against `unrelated_cross`",
        },
        "mcd_same": {
            "direction": "up",
            "range": [-1, 1],
            "with_n": "stable",
            "source": "arXiv 2509.04438, mean cumulative drift: mean of S(g) over the generations g up to this one",
            "misses": "when it was lost",
            "healthy": "the first generations carry the mean",
        },
        "mcd_cross": {
            "direction": "up",
            "range": [-1, 1],
            "with_n": "stable",
            "source": "arXiv 2509.04438, mean cumulative drift between images and captions",
            "misses": "when it was lost",
            "healthy": "the first generations carry the mean",
        },
        "mcd": {
            "direction": "up",
            "range": [-1, 1],
            "with_n": "stable",
            "source": "mean of `mcd_same` and `mcd_cross`; arXiv 2509.04438 reports its mean over both ways to begin",
            "misses": "when it was lost, and on which side",
            "healthy": "the first generations carry the mean",
        },
        "unrelated_same": {
            "direction": "none",
            "range": [-1, 1],
            "with_n": "stable (all pairs of two items)",
            "source": "cosine of generation g with generation 0 of another item, mean over all such pairs; ours",
            "misses": "that a judge may see all items as alike",
            "healthy": "always: it says what a value means",
        },
        "unrelated_cross": {
            "direction": "none",
            "range": [-1, 1],
            "with_n": "stable (all pairs of two items)",
            "source": "the same between an image and a caption; ours",
            "misses": "that a judge may see all items as alike",
            "healthy": "always: it says what a value means",
        },
        "real_cross": {
            "direction": "none",
            "range": [-1, 1],
            "with_n": "stable",
            "source": "cosine of the real image and the real caption of an item: where nothing was lost; ours",
            "misses": "other captions of the same image",
            "healthy": "always: it says what a value means",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values whose sides the judge embeds."""
        begins = str(view.begins)
        other = next(side for side in FIELDS if side != begins)
        start = getattr(view, FIELDS[begins][0])
        if start is None:
            self.absent = dict.fromkeys(self.declares, f"the judge does not embed {begins}")
            return {}
        values = self._side(view, start, begins, "same") | self._side(view, start, other, "cross")
        beside = getattr(view, FIELDS[other][0])
        if beside is not None:
            values["real_cross"] = alignment(start, beside)
        if "mcd_cross" in values:
            values["mcd"] = (values["mcd_same"] + values["mcd_cross"]) / 2
        self.absent |= {
            name: f"the judge does not embed {other}" for name in self.declares if name not in {*values, *self.absent}
        }
        return values

    def _side(self, view: View, start: np.ndarray, side: str, word: str) -> dict[str, float]:
        """Compare one side of the generations with (n, d) features of what the chain began with."""
        _, between, last = (getattr(view, field) for field in FIELDS[side])
        if last is None:
            return {}
        before = [] if between is None else list(np.moveaxis(between, 1, 0))
        course = [alignment(generation, start) for generation in (*before, last)]
        values = {f"similarity_{word}": course[-1], f"mcd_{word}": float(np.mean(course))}
        if len(start) < 2:
            self.absent[f"unrelated_{word}"] = "one item has no other"
        else:
            values[f"unrelated_{word}"] = unrelated(last, start)
        return values


def unrelated(features: np.ndarray, others: np.ndarray) -> float:
    """Mean cosine of row i of one (n, d) array with row j of another over all i other than j, n of 2 or more.

    A row of zeros has cosine 0, as in `alignment`.
    """
    one, two = _unit(features), _unit(others)
    n = len(one)
    return float((one.sum(axis=0) @ two.sum(axis=0) - (one * two).sum()) / (n * (n - 1)))


def _unit(rows: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms == 0, 1, norms)

"""Which attributes of what a chain began with its generations still have, by an exact reader of drawn scenes."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.metrics.family import Family
from benchmarks.metrics.oracle_scores import attribute_accuracy
from benchmarks.metrics.view import View
from datamodules.scenes.oracle import match


class AttributesLeft(Family):
    """Reads n pairs of generation t once and compares them with the true attributes of generation 0.

    Captions and images of real pairs agree with the truth exactly, so that 1 is what every chain begins with.
    """

    name: ClassVar[str] = "attributes_left"
    version: ClassVar[int] = 2  # 2: chance of each attribute
    side: ClassVar[str] = "set"
    needs: ClassVar[tuple[str, ...]] = ("begins", "captions", "images", "attributes", "oracle")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "attributes_left": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable",
            "source": "share of slots that agree with generation 0, mean over attributes and items, read off the side "
            "of generation t that the chain began with: captions or images; ours",
            "misses": "what is no attribute; values that agree by chance: read it against `attributes_unrelated`",
            "healthy": "frequent values win and are often right",
        },
        "attributes_left_cross": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable",
            "source": "the same, read off the other side of the pairs",
            "misses": "what is no attribute; values that agree by chance: read it against `attributes_unrelated`",
            "healthy": "frequent values win and are often right",
        },
        "attributes_unrelated": {
            "direction": "none",
            "range": [0, 1],
            "with_n": "stable, noisy for small n",
            "source": "`attributes_left` of each item's generation t against generation 0 of the next item",
            "misses": "nothing: it is what is left where nothing is",
            "healthy": "always: it says what a value means",
        },
        "attribute_left_*": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable",
            "source": "`attributes_left` of one attribute",
            "misses": "values that agree by chance: read it against `attribute_unrelated_*`",
            "healthy": "a frequent value wins and is often right",
        },
        "attribute_unrelated_*": {
            "direction": "none",
            "range": [0, 1],
            "with_n": "stable, noisy for small n",
            "source": "`attributes_unrelated` of one attribute",
            "misses": "nothing: it is what is left where nothing is",
            "healthy": "always: it says what a value means",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names."""
        captions, images = view.oracle.read_captions(view.captions), view.oracle.read_images(view.images)
        same, cross = (captions, images) if view.begins == "captions" else (images, captions)
        left = match(view.attributes, same)
        values = {
            "attributes_left": attribute_accuracy(left),
            "attributes_left_cross": attribute_accuracy(match(view.attributes, cross)),
            **{f"attribute_left_{name}": float(scores.mean()) for name, scores in left.items()},
        }
        if len(view.captions) < 2:
            self.absent["attributes_unrelated"] = "one item has no other"
        else:
            chance = match([*view.attributes[1:], view.attributes[0]], same)
            values["attributes_unrelated"] = attribute_accuracy(chance)
            values |= {f"attribute_unrelated_{name}": float(scores.mean()) for name, scores in chance.items()}
        return values

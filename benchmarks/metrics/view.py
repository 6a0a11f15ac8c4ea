"""What a metric family may look at: generated outputs and the real data beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np

from datamodules.images import Images, joined, taken

# Equal in every batch of one evaluation; everything else has one entry per item and is concatenated.
SHARED = (
    "real_features", "real_caption_features", "train_features", "phrase_features", "oracle", "document_frequency",
    "begins",
)  # fmt: skip

#: Or None; what a family `needs` is there when it evaluates, so nobody has to ask.
Texts: TypeAlias = Any
Array: TypeAlias = Any


@dataclass(frozen=True, eq=False)
class View:
    """One evaluation, or one batch of it. A field that is not there is None.

    Attributes:
        captions: n texts: what a captioner said, or the captions of a synthetic set.
        references: n tuples of (five) real captions of the same items.
        prompts: n texts that images were drawn from.
        images: (n, H, W, 3) uint8, undecoded until somebody looks.
        features: (n, d) judge features of the outputs: images of a generator or a set, captions of a
            captioner.
        real_features: (m, d) judge features of the floor split.
        real_caption_features: (m, d) judge features of real captions of the floor split, one of each item.
        paired_features: (n, d) judge features of the other modality: the images that were captioned, the
            prompts that were drawn, the captions of a set.
        reference_features: (n, r, d) judge features of `references`, NaN where an item has fewer than others.
        draw_features: (inputs, k, d) judge features of k draws of the same input.
        train_features: (m, d) judge features of images that the base model was trained on.
        origin_features: (n, d) judge features of the real images whose items a chain began with.
        origin_paired_features: (n, d) judge features of a real caption of each.
        earlier_features: (n, t - 1, d) judge features of the images of a chain's generations 1 to t - 1.
        earlier_paired_features: (n, t - 1, d) judge features of their captions.
        phrase_features: attribute -> value -> (k, d) judge features of phrases that say the value.
        attributes: n dictionaries, attribute -> tuple of true values, one per slot.
        oracle: reader of attributes, see `datamodules.scenes.oracle.Oracle`.
        document_frequency: reference tuples of the pinned split that CIDEr counts document frequencies in.
        begins: the side of the real pairs that a chain began with, "captions" or "images".
    """

    captions: Texts = None
    references: Texts = None
    prompts: Texts = None
    images: Array = None
    features: Array = None
    real_features: Array = None
    real_caption_features: Array = None
    paired_features: Array = None
    reference_features: Array = None
    draw_features: Array = None
    train_features: Array = None
    origin_features: Array = None
    origin_paired_features: Array = None
    earlier_features: Array = None
    earlier_paired_features: Array = None
    phrase_features: dict[str, dict[str, np.ndarray]] | Any = None
    attributes: Sequence[dict[str, tuple[str, ...]]] | Any = None
    oracle: Any = None
    document_frequency: Texts = None
    begins: str | None = None

    def with_(self, **changes: Any) -> View:
        """Return a copy with other values in some fields."""
        return replace(self, **changes)

    def take(self, index: np.ndarray) -> View:
        """Return the items at `index` (k,) int; shared fields and draws, which have other items, stay."""
        changes: dict[str, Any] = {}
        for name in ITEMS:
            value = getattr(self, name)
            if value is not None and name != "draw_features":
                rows = isinstance(value, np.ndarray | Images)
                changes[name] = taken(value, index) if rows else [value[i] for i in index]
        return replace(self, **changes)

    @staticmethod
    def concat(views: Sequence[View]) -> View:
        """Join batches in order. Shared fields come from the first batch that has them.

        Raises:
            ValueError: if a field with one entry per item is in some of the batches that have items, but not
                in all; `draw_features`, made for some inputs only, is joined from the batches that have it.
        """
        together: dict[str, Any] = {}
        for name in SHARED:
            together[name] = next((v for view in views if (v := getattr(view, name)) is not None), None)
        for name in ITEMS:
            parts = [v for view in views if (v := getattr(view, name)) is not None]
            if not parts:
                continue
            if len(parts) != len(views) and name != "draw_features":
                raise ValueError(f"{name} is in {len(parts)} of {len(views)} batches: give it in all or in none")
            arrays = all(isinstance(part, np.ndarray | Images) for part in parts)
            together[name] = joined(parts) if arrays else [item for part in parts for item in part]
        return View(**together)


ITEMS = tuple(field.name for field in fields(View) if field.name not in SHARED)

"""What metrics and floors share: what of the real data, and of a judge, a metric family may look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.steps.items import compared, references
from benchmarks.steps.step import Step, Work, aside, reads
from records.canonical import Spec
from records.sources import import_class

if TYPE_CHECKING:
    from benchmarks.metrics.family import Family
    from benchmarks.metrics.view import View
    from benchmarks.steps.context import RunContext


@dataclass(frozen=True, eq=False, kw_only=True)
class Measuring(Step):
    """A metric family at n items.

    Attributes:
        family: Identity of the family, which it carries by its class path.
        n: Evaluation items.
        judge: Whether its numbers live in a judge's space.
        judged_by: The judge's name.
        data: Identity of the data set.
        seed: Of the evaluation.
        documents: Split and number of the captions whose document frequencies CIDEr is pinned to, if it asks.
        phrases: `AttributeList.ordered`, if it reads attributes by a judge.
        evaluation: What the judge sees in the evaluation split.
        floor: What it sees in the floor split.
        train_features: What it sees in images that the generator was trained on.
        phrase_features: What it sees in the phrases.
    """

    family: Spec
    n: int
    judge: bool
    data: Spec
    seed: int
    documents: tuple[str, int] | None
    judged_by: str | None = aside(default=None)
    phrases: Spec | None = None
    evaluation: str | None = reads(default=None)
    floor: str | None = reads(default=None)
    train_features: str | None = reads(default=None)
    phrase_features: str | None = reads(default=None)

    def make_family(self) -> Family:
        """Return the metric family, newly made."""
        cls: Any = import_class(self.family.execution)
        return cls()

    def asked(self, context: RunContext) -> dict[str, Any]:
        """Return what only some families ask of a judge: features of training images, and of phrases by meaning."""
        found: dict[str, Any] = {}
        if self.train_features is not None:
            found["train_features"] = context.store.get(self.train_features).get("images")
        if self.phrase_features is not None:
            assert self.phrases is not None
            rows = iter(context.store.get(self.phrase_features)["phrases"])
            found["phrase_features"] = {
                attribute: {value: np.stack([next(rows) for _ in phrases]) for value, phrases in values}
                for attribute, values in self.phrases.value
            }
        return found

    def real_view(self, context: RunContext, split: str, n: int) -> View:
        """Return the truth beside n items of a split: references, attributes, oracle, document frequencies."""
        from benchmarks.metrics.view import View

        data, index = context.data(self.data), np.arange(n)
        return View(
            references=[texts[: compared(len(texts))] for texts in data.captions(split, index)],
            attributes=data.attributes(split, index),
            oracle=data.oracle,
            document_frequency=None if self.documents is None else _documents(data, *self.documents),
        )

    def work(self) -> Work:
        """Return n items."""
        return Work(self.n)

    @property
    def rated(self) -> str:
        """The family."""
        return self.family.digest


@lru_cache(maxsize=2)
def _documents(data: Any, split: str, n: int) -> list[tuple[str, ...]]:
    return [references(six) for six in data.captions(split, np.arange(min(n, data.sizes[split])))]


def reference_features(real: dict[str, np.ndarray]) -> np.ndarray | None:
    """Return judge features of the references that a captioner is scored against, NaN where an item has fewer."""
    if "captions" not in real:
        return None
    captions = real["captions"]
    many = (~np.isnan(captions[:, :, 0])).sum(axis=1)
    kept = np.array([compared(k) for k in many.tolist()])
    masked = np.where(np.arange(captions.shape[1])[:, None] < kept[:, None, None], captions, np.nan)
    return masked[:, : kept.max()]


def paired(real: dict[str, np.ndarray], side: str) -> np.ndarray | None:
    """Return judge features of what the outputs of a side are made from: real images, or the first real captions."""
    if side == "captioner":
        return real.get("images")
    return real["captions"][:, 0] if "captions" in real else None


def one_caption_each(real: dict[str, np.ndarray]) -> np.ndarray | None:
    """Return judge features of one caption of each item: the first of item 0, the second of item 1, and so on.

    One, as models say one; in turn, so that no place in the list of captions counts more than another.
    """
    if "captions" not in real:
        return None
    captions = real["captions"]
    items, many = np.arange(len(captions)), (~np.isnan(captions[:, :, 0])).sum(axis=1)
    return captions[items, items % np.maximum(1, many)]

"""What a judge sees in real data: images of a split and all their captions, or phrases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmarks.steps.features import embedded, text_features
from benchmarks.steps.in_parts import embedded_images, real_images
from benchmarks.steps.step import Step, Work, reads
from records.canonical import Spec
from records.results import Cost

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext


@dataclass(frozen=True, eq=False, kw_only=True)
class Reference(Step):
    """Judge features of n real items of a split, or of phrases in their order. Computed once for all evaluations.

    A judge that embeds only one of images and captions says nothing of the other.
    """

    kind: ClassVar[str] = "reference"
    version: ClassVar[int] = 1
    worker: ClassVar[str] = "judge"
    data: Spec | None = None
    split: str | None = None
    n: int | None = None
    phrases: Spec | None = None
    judge: str = reads()

    def run(self, context: RunContext) -> tuple[dict[str, np.ndarray], Cost]:
        """Embed; captions are NaN where an item has fewer than others."""
        judge = context.model(self.judge)
        if self.phrases is not None:
            listed = [said for _, values in self.phrases.value for _, said in values]
            return {"phrases": text_features(judge, (phrase for said in listed for phrase in said))}, Cost()
        assert self.data is not None
        assert self.n is not None
        data, index = context.data(self.data), np.arange(self.n)
        value = {}
        if "images" in embedded(judge):
            value["images"] = embedded_images(judge, real_images(data, str(self.split), index))
        if "captions" in embedded(judge):
            value["captions"] = _caption_features(judge, data.captions(self.split, index))
        return value, Cost()

    def work(self) -> Work:
        """Return n items."""
        return Work(self.n or 0)


def _caption_features(judge: Any, texts: list[tuple[str, ...]]) -> np.ndarray:
    """Return features (n, largest number of captions, d) of all captions of n items."""
    features = text_features(judge, (text for six in texts for text in six))
    there = np.arange(max(map(len, texts))) < np.array([len(six) for six in texts])[:, None]
    captions = np.full((*there.shape, features.shape[-1]), np.nan, features.dtype)
    captions[there] = features
    return captions

"""Which items a step is about, in which order, and which of their human captions is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.seeds import draw_items, permutation, sample_seeds, step_seed
from benchmarks.steps.hooked import HookedStep
from benchmarks.steps.in_parts import real_images
from datamodules.pairs import Pairs
from records.canonical import Spec

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext

#: The split that prompts, and the images of real pairs, are taken of.
PROMPT_SPLIT = "prompts"
#: Captions of an item that are references; one more, where there is one, is for the ceiling.
REFERENCES = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class ItemStep(HookedStep):
    """A step about the items of an iteration, or of some of them.

    Attributes:
        t: The iteration.
        data: Identity of the data set.
        items: Cell seed, iteration and number that they are drawn from; a closed loop keeps those of iteration 1.
    """

    t: int
    data: Spec | None = None
    items: tuple[int, int, int] | None = None

    def order(self, context: RunContext, iteration: int | None = None) -> np.ndarray | None:
        """Return the item ids in their order, (n,), of an earlier iteration if one is named; None without items.

        That of an earlier one holds the whole split, since it may have drawn another number of its first items.
        """
        if self.items is None or self.data is None:
            return None
        seed, t, n = self.items
        closed = t != self.t
        wanted = t if iteration is None or closed else iteration
        size = context.data(self.data).sizes[PROMPT_SPLIT]
        return draw_items(seed, wanted, n if iteration is None else size, size)


def references(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the captions of an item that are references: the first five, or as many as there are."""
    return texts[:REFERENCES]


def compared(k: int) -> int:
    """Return against how many of an item's k captions a model is scored: as many as people are, at most five.

    The ceiling puts one caption in the place of the model and has the others left. Scores rise with the number of
    references, so a model with one more than that would look closer to people than it is. A single caption is used.
    """
    return max(1, min(REFERENCES, k - 1))


def one_each(captions: list[tuple[str, ...]], seed: int, ids: np.ndarray) -> list[str]:
    """Return one reference of each item, chosen by the seed and the item's id alone."""
    chosen = []
    for texts, draw in zip(map(references, captions), sample_seeds(seed, ids).tolist(), strict=True):
        chosen.append(texts[draw % len(texts)])
    return chosen


def real_pairs(data: Any, split: str, ids: np.ndarray, seed: int) -> Pairs:
    """Return real images, looked up when somebody looks, with one seeded human caption each (of the references)."""
    captions = tuple(one_each(data.captions(split, ids), seed, ids))
    n = len(ids)
    images, origin = real_images(data, split, ids), np.zeros(n, np.int16)
    told = originals(data, split, ids)
    return Pairs(ids=ids, images=images, captions=captions, prompts=("",) * n, origin=origin, **told)


def originals(data: Any, split: str, ids: np.ndarray) -> dict[str, Any]:
    """Return how large pictures were before they were scaled, as fields of pairs, where a data set is to tell it."""
    if not getattr(data, "original_sizes", False):
        return {}
    heights, widths = data.originals(split, ids).T
    return {"heights": heights, "widths": widths}


def caption_seed(cell_seed: int, t: int) -> int:
    """Return the seed that picks which human caption of an item is used; the same for prompts and for `real`."""
    return step_seed(cell_seed, "caption", t)


def reserve_ids(cell_seed: int, start: int, n: int, size: int) -> np.ndarray:
    """Return an unseen slice of the reserve: slices of different iterations never overlap."""
    return permutation(step_seed(cell_seed, "reserve", 0), size)[start : start + n]

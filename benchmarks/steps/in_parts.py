"""Work on pictures part by part: whatever the size of a pool, a step holds one part of it.

Models are given arrays, as they always were: all of a pool where that is small, else as many batches as make up a part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from datamodules.images import Elsewhere, Images, OfData
from datamodules.pairs import Pairs

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext

#: Bytes of raw pictures that are held at once.
PART = 256 * 2**20
#: Asks a model for what it makes of inputs, with their seeds: make(inputs, seeds, progress).
Make = Callable[[Any, np.ndarray, Any], Any]


def parts(n: int, each: int, batch: int = 1) -> list[slice]:
    """Return the parts of n pictures of so many bytes each, whole batches but the last; one part of what is small."""
    if n * each <= PART:
        return [slice(0, n)]
    size = max(batch, PART // each // batch * batch)
    return [slice(start, min(n, start + size)) for start in range(0, n, size)]


def parts_of(images: Any, model: Any) -> list[slice]:
    """Return the parts of pictures that a model is given one after the other."""
    return parts(len(images), _bytes(images.shape[1:]), getattr(model, "batch_size", 1))


def embedded_images(judge: Any, images: Any) -> np.ndarray:
    """Return a judge's features of pictures, (n, d)."""
    return np.concatenate([judge.embed_images(np.asarray(images[part])) for part in parts_of(images, judge)])


def captioned(make: Make, model: Any, images: Any, seeds: np.ndarray, progress: Any) -> tuple[list[str], int]:
    """Return a captioner's captions of pictures, and its network evaluations."""
    captions: list[str] = []
    evaluations = 0
    for part in parts_of(images, model):
        made = make(np.asarray(images[part]), seeds[part], _further(progress, part.start, len(images)))
        captions += made.outputs
        evaluations += made.network_evaluations
    return captions, evaluations


def drawn(
    context: RunContext, pairs: Pairs, make: Make, seeds: np.ndarray, side: int | None, batch: int
) -> tuple[Pairs, int]:
    """Return pairs with the images that a generator draws for their prompts, and its network evaluations.

    Args:
        context: Of the step.
        pairs: With `nothing_yet` for images.
        make: Asks the generator.
        seeds: One a pair.
        side: Of an image in pixels, as far as it is known; None = all are drawn at once.
        batch: How many it draws side by side.
    """
    evaluations, n = 0, len(pairs)
    cut = parts(n, 0 if side is None else side * side * 3, batch)

    def images() -> Iterator[np.ndarray]:
        nonlocal evaluations
        for part in cut:
            made = make(list(pairs.prompts[part]), seeds[part], _further(context.progress, part.start, n))
            evaluations += made.network_evaluations
            yield made.outputs

    found = pairs.with_(images=next(images())) if len(cut) == 1 else _kept(context, pairs, images())
    return found, evaluations


def nothing_yet(n: int) -> Images:
    """Return what stands for the images of n pairs before they are drawn."""
    return Images.of(Elsewhere(), (0, 0, 3), np.arange(n))


def real_images(data: Any, split: str, ids: np.ndarray) -> Any:
    """Return images of a data set, pictures of which are looked up when somebody looks."""
    first = data.images(split, ids[:1])
    if first.ndim != 4 or not len(ids):
        return data.images(split, ids)
    return Images.of(OfData(data, split), first.shape[1:], ids)


def settled(context: RunContext, pairs: Pairs) -> Pairs:
    """Return pairs whose pictures are looked up once and kept: in memory, or in a file where they are many."""
    cut = parts(len(pairs), _bytes(pairs.images.shape[1:]))
    if len(cut) == 1:
        return pairs.with_(images=np.asarray(pairs.images))
    return _kept(context, pairs, (pairs.images[part] for part in cut))


def in_memory(pairs: Pairs) -> Pairs:
    """Return pairs whose pictures are an array where they are few; many are left to be decoded as a model asks."""
    return pairs.with_(images=np.asarray(pairs.images)) if len(parts_of(pairs.images, None)) == 1 else pairs


def _kept(context: RunContext, pairs: Pairs, images: Iterator[np.ndarray]) -> Pairs:
    """Return pairs with images that come part by part, which go to a file at once where the store has room for it."""
    folder = context.spool()
    if folder is None:
        return pairs.with_(images=np.concatenate(list(images)))
    return pairs.written(folder / "pairs.parquet", images)


def _bytes(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape)) if shape else 0  # numbers are never too many


def _further(progress: Any, start: int, n: int) -> Any:
    """Return a progress that counts on from earlier parts."""
    return progress if progress is None else lambda done, _: progress(start + done, n)

"""What real data score: the floor of a distance, the ceiling of a caption score, and the noise of both.

A number of a model says little without the number that real data get at the same n. Floors are drawn several
times; twice their standard deviation is the smallest effect that a metric is trusted to see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.metrics.family import Family
from benchmarks.metrics.view import View
from datamodules.scenes.oracle import Readings


def floor_draws(
    family_factory: Callable[[], Family], make_view: Callable[[int], View], draws: int = 20
) -> dict[str, dict[str, float]]:
    """Evaluate a family on real data.

    Args:
        family_factory: makes a fresh family, for example the class itself.
        make_view: makes the view of a seed 0..draws-1, for example a partial of `caption_floor_view` or
            `image_floor_view`.
        draws: number of draws, at least two.

    Returns:
        name -> {value: mean, sd: standard deviation, draws, minimum_effect}, for the names that every draw has; the
        minimum effect is 2 sd, or what one item moves where that is more and the family says it (`Family.grains`).
        An image that is in several draws is read by the oracle once.

    Raises:
        MetricUnavailable: if the family cannot run.
        ValueError: for fewer than two draws.
    """
    if draws < 2:
        raise ValueError(f"a floor needs at least two draws, not {draws}")
    seen: dict[bytes, dict[str, tuple[Any, ...]]] = {}
    results: list[dict[str, float]] = []
    grains: dict[str, float] = {}
    for seed in range(draws):
        view = make_view(seed)
        if view.oracle is not None:
            view = view.with_(oracle=_Remembering(view.oracle, seen))
        family = family_factory()
        family.update(view)
        results.append({name: float(value) for name, value in family.compute().items()})
        grains |= {name: max(grain, grains.get(name, 0.0)) for name, grain in family.grains.items()}
    floors = {}
    for name in results[0]:
        if all(name in result for result in results):
            values = np.array([result[name] for result in results])
            sd = float(values.std(ddof=1))
            smallest = max(2 * sd, grains.get(name, 0.0))
            floors[name] = {"value": float(values.mean()), "sd": sd, "draws": draws, "minimum_effect": smallest}
    return floors


def caption_floor_view(
    view: View, captions_all: Sequence[tuple[str, ...]], seed: int, caption_features: np.ndarray | None = None
) -> View:
    """Put one random real caption per item in the place of the model, and the other ones as references.

    Args:
        view: whatever else the family reads: attributes, oracle, document_frequency, paired_features.
        captions_all: n tuples of k > 1 (six) real captions; k may differ between items.
        seed: of the choice.
        caption_features: (n, largest k, d) judge features of `captions_all`; those beyond an item's k are not read.
    """
    rng = np.random.default_rng([seed, 0xCA])
    chosen = [int(rng.integers(len(texts))) for texts in captions_all]
    features = others = None
    if caption_features is not None:
        items = np.arange(len(chosen))
        features, others = caption_features[items, chosen], caption_features.astype(np.float64)
        others[items, chosen] = np.nan
    return view.with_(
        captions=[texts[pick] for texts, pick in zip(captions_all, chosen, strict=True)],
        references=[texts[:pick] + texts[pick + 1 :] for texts, pick in zip(captions_all, chosen, strict=True)],
        features=features,
        reference_features=others,
    )


def no_caption_floor(captions_all: Sequence[tuple[str, ...]]) -> str | None:
    """Say why real captions cannot take the model's place, or None where they can.

    An item with a single caption has none left to be its reference, and nothing to choose, hence no spread.
    """
    single = sum(len(texts) < 2 for texts in captions_all)
    if not single:
        return None
    return f"{single} of {len(captions_all)} evaluation items have a single caption: none is left to compare it with"


def image_floor_view(evaluation: View, floor: View, seed: int) -> View:
    """Divides the union of two real splits at random, into the place of the model and the real side.

    Args:
        evaluation: n real items: features and whatever else the family reads (images, attributes, oracle,
            paired_features of the real captions).
        floor: m real items with the same fields.
        seed: of the partition.

    Returns:
        a view of n items of the union; the features of the other m are its `real_features`.
    """
    n = _items(evaluation)
    shuffled = np.random.default_rng([seed, 0xF1]).permutation(n + _items(floor))
    union = View.concat([evaluation, floor])
    rest = None if union.features is None else union.features[shuffled[n:]]
    return union.take(shuffled[:n]).with_(real_features=rest)


def _items(view: View) -> int:
    for field in (view.features, view.images, view.attributes):
        if field is not None:
            return len(field)
    raise ValueError("a floor view needs features, images or attributes")


class _Remembering:
    """An oracle that reads each image once, over all draws; captions are cheap and read anew."""

    def __init__(self, oracle: Any, seen: dict[bytes, dict[str, tuple[Any, ...]]]) -> None:
        self._oracle, self._seen = oracle, seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._oracle, name)

    def read_images(self, images: np.ndarray) -> Readings:
        keys = [image.tobytes() for image in images]
        new = [i for i, key in enumerate(keys) if key not in self._seen]
        if new:
            read = self._oracle.read_images(images[new])
            for row, i in enumerate(new):
                self._seen[keys[i]] = {name: tuple(values[row]) for name, values in read.values.items()}
        rows = [self._seen[key] for key in keys]
        return Readings({name: np.array([row[name] for row in rows], dtype=object) for name in rows[0]})

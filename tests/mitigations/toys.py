"""Pools with numbers for pictures, a scorer of them, and hooks asked as a running step asks them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from benchmarks.methods.hooks import SOURCES, Context, Mitigation
from datamodules.pairs import Pairs

N, SPACING, CLASSES = 12, 4.0, 10
MODALITIES = ("captioner", "generator")


class ToyScorer:
    """Puts the number x at the angle x / 4, and the caption "ck" where the mean of class k lies."""

    version: ClassVar[int] = 1
    embeds: ClassVar[tuple[str, ...]] = ("images", "captions")

    def embed_images(self, images: np.ndarray) -> np.ndarray:
        return _circle(np.asarray(images, dtype=np.float64) / 4)

    def embed_texts(self, captions: Sequence[str]) -> np.ndarray:
        return _circle(np.array([int(text[1:]) * SPACING / 4 for text in captions], dtype=np.float64))


def _circle(angle: np.ndarray) -> np.ndarray:
    return 3.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1)  # of a length that a cosine must divide out


def drawn(modality: str, n: int = N, draws: int = 1, iteration: int = 1) -> Pairs:
    """Return what an iteration makes: draws of pictures for prompts, or of captions for real pictures."""
    random = np.random.default_rng([iteration, n, draws, MODALITIES.index(modality)])
    ids = np.tile(random.permutation(100 * n)[:n], draws)
    asked = np.tile(random.integers(0, CLASSES, n), draws)
    if modality == "generator":
        images, told = SPACING * asked + 2.0 * random.standard_normal(n * draws), asked
    else:
        images, told = np.tile(random.uniform(-2, 38, n), draws), random.integers(0, CLASSES, n * draws)
    captions = [f"c{k}" for k in told]
    return Pairs(
        ids=ids, images=images, captions=captions, prompts=captions if modality == "generator" else [""] * len(ids),
        origin=np.full(len(ids), iteration), draw=np.repeat(np.arange(draws), n),
    )  # fmt: skip


def real(n: int = N, iteration: int = 1, first: int = 0) -> Pairs:
    """Return real pairs, each picture near the mean of the class that it is captioned with."""
    random = np.random.default_rng([99, iteration, n])
    classes = random.integers(0, CLASSES, n)
    images = SPACING * classes + 0.3 * random.standard_normal(n)
    ids = first + random.permutation(n)
    return Pairs(ids=ids, images=images, captions=[f"c{k}" for k in classes], prompts=[""] * n, origin=np.zeros(n))


def scores(pairs: Pairs) -> dict[str, dict[str, np.ndarray]]:
    """Return what the toy scorer says of pairs, as `curate` is given it."""
    scorer = ToyScorer()
    images, captions = scorer.embed_images(pairs.images), scorer.embed_texts(pairs.captions)
    return {"toy": {"ids": pairs.ids, "images": images, "captions": captions}}


def ask(method: Mitigation, hook: str = "curate", seed: int = 7, iteration: int = 1, n: int = N, **given: Any) -> Any:
    """Return what a hook answers to a context of its sources; without the hook, what the engine does then."""
    if not method.overrides(hook):
        plain: dict[str, Callable[[], Any]] = {
            "curate": lambda: given["new"].take(range(n)),  # one draw of each prompt
            "prompts": lambda: given["prompts"],
            "relabel": lambda: given["caption"](given["live"]),
        }
        return plain[hook]()
    reads = method.reads.get(hook, ())
    sources = {name: (lambda value=value: value) for name, value in given.items() if name in SOURCES}
    facts = {name: value for name, value in given.items() if name not in SOURCES}
    facts = {"spend": lambda **counts: None, **facts}
    return getattr(method, hook)(Context(hook, reads, sources, seed=seed, iteration=iteration, n=n, **facts))


def bites(check: Callable[[Mitigation], None], method: Mitigation, hook: str = "curate") -> None:
    """Run a check of a method, and see that it fails for the same method without the hook."""
    check(method)
    idle = copy.copy(method)
    idle.__class__ = type("Idle", (type(method),), {hook: getattr(Mitigation, hook)})
    assert not idle.overrides(hook)
    with pytest.raises(AssertionError):
        check(idle)


def same(one: Pairs, other: Pairs) -> bool:
    """Whether two pools hold the same pairs in the same order, weights included."""
    return (
        len(one) == len(other)
        and np.array_equal(one.ids, other.ids)
        and np.array_equal(one.images, other.images)
        and one.captions == other.captions
        and np.array_equal(one.origin, other.origin)
        and np.array_equal(one.weights, other.weights)  # type: ignore[arg-type]
    )

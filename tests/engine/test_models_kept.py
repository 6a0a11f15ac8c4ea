"""Which models a worker keeps loaded between steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from benchmarks.steps.context import MODELS_KEPT, RunContext


class Shelf:
    """A store that counts how often a model is loaded."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes, self.loaded = sizes, []

    def fresh(self, key: str) -> nn.Module:
        self.loaded.append(key)
        model = nn.Module()
        model.weights = nn.Parameter(torch.zeros(self.sizes[key] // 4))
        return model


def use(keys: str, limit: int, sizes: dict[str, int]) -> str:
    """Return the keys that had to be loaded while models were used in an order."""
    shelf: Any = Shelf(sizes)
    context = RunContext(shelf, model_bytes=limit)
    for key in keys:
        assert context.model(key).weights.nbytes == sizes[key]
    return "".join(shelf.loaded)


def test_models_stay_while_they_fit() -> None:
    assert use("abcabcabc", 300, {"a": 100, "b": 100, "c": 100}) == "abc"


def test_the_least_recently_used_goes_first() -> None:
    assert use("abacab", 200, {"a": 100, "b": 100, "c": 100}) == "abcb"


def test_a_large_model_takes_the_room_of_small_ones_and_is_used_even_if_too_large() -> None:
    sizes = {"a": 100, "b": 100, "x": 400}
    assert use("abxab", 200, sizes) == "abxab"
    assert use("xxx", 200, sizes) == "x"


def test_models_without_weights_are_kept_in_number() -> None:
    names = "".join(chr(ord("A") + i) for i in range(MODELS_KEPT + 1))
    sizes = dict.fromkeys(names, 0)
    assert use(names + names[-1], 200, sizes) == names
    assert use(names + names[0], 200, sizes) == names + names[0]

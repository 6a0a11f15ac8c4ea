"""Tiny models, what a hook is given, and a proof that a check notices when the hook is gone."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.methods.hooks import Mitigation
from datamodules.pairs import Pairs
from datamodules.scenes.dataset import Scenes
from lightning_modules.architectures.parts import Given
from lightning_modules.settings import FitSettings, Lora
from tests.lightning_modules.conftest import autoencoder, make_captioner, make_generator

torch.set_num_threads(1)
LORA = Lora(rank=2, alpha=4.0)
SIDES = ("captioner", "generator")
IDENTITIES: dict[str, Callable[..., Any]] = {
    "merge": lambda self, ctx: ctx.new_model,
    "auxiliary": lambda self, ctx: ctx.fresh("fitted"),
    **{hook: getattr(Mitigation, hook) for hook in ("prompts", "sampling", "relabel", "curate", "objective")},
}


@cache
def scenes() -> Scenes:
    return Scenes()


@cache
def siblings() -> Path:
    folder = Path(mkdtemp())
    torch.manual_seed(0)
    autoencoder.build(Given((), 32, folder), channels=(8, 8, 8), latents=4).save(folder / "decoder")
    return folder


@cache
def pairs(n: int = 8) -> Pairs:
    index = np.arange(n)
    captions = tuple(six[0] for six in scenes().captions("train", index))
    weights = np.linspace(0.5, 2.0, n).astype(np.float32)
    return Pairs(index, scenes().images("train", index), captions, captions, np.zeros(n, np.int16), weights=weights)


def tiny(side: str, name: str = "") -> Any:
    """Return an untrained model, always the same one."""
    if side == "captioner":
        return make_captioner(name or "blip2", scenes())
    model = make_generator(name or "sdxl_unet", scenes(), siblings())
    model.encoders.text_is_trained = False  # as it is when it is loaded to be fine-tuned
    for encoder in model.family.present:
        model.networks[encoder].requires_grad_(False)
    return model


def settings(steps: int = 2, **changes: Any) -> FitSettings:
    return FitSettings(steps, 1e-2, 4, **changes)


def trained(side: str, **changes: Any) -> Any:
    """Return the tiny model after a short fit, a copy of its own."""
    return deepcopy(_trained(side, **changes))


@cache
def _trained(side: str, **changes: Any) -> Any:
    model = tiny(side)
    model.fit_pairs(pairs(), settings(**changes), 0)
    return model


class Facts(SimpleNamespace):
    """What a hook is given, by hand; remembers what it spends and notes."""

    def __init__(self, **facts: Any):
        super().__init__(spent={}, notes={}, **facts)

    def spend(self, **counts: int) -> None:
        self.spent |= counts

    def note(self, **values: float) -> None:
        self.notes |= values


def holds_only_with(hook: str, check: Callable[[Any], None], method: Mitigation) -> None:
    """Run a check of a method, then of the same method with a hook that changes nothing: there it must fail."""
    check(method)
    idle = type(method)(**vars(method))
    idle.__class__ = type("Idle", (type(method),), {hook: IDENTITIES[hook]})
    with pytest.raises(AssertionError):
        check(idle)

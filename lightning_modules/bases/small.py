"""Recipes of small models for pictures of one's own: minutes of a CPU, on whatever split there is."""

from __future__ import annotations

from typing import Any

from lightning_modules.bases.recipes import SCENES, Recipe

#: Images at most, each with up to five of its captions.
MOST = 20_000


def _data(split: str) -> dict[str, Any]:
    return {"split": split, "items": MOST, "balance": 0.0, "references": 5}


def _builder(name: str) -> str:
    return f"lightning_modules.architectures.{name}:build"


_TEXT = {"text_width": 64, "text_layers": 2}

_SMALL = (
    Recipe(
        "small_vae",
        _builder("autoencoder"),
        {"channels": [16, 32, 32], "latents": 8, "divergence": 1e-4},
        {**_data("train"), "references": 1},
        {"steps": 400, "batch_size": 32, "learning_rate": 2e-3, "warmup": 50},
        average=0.98,
    ),
    Recipe(
        "small_generator",
        _builder("sd_unet"),
        {"channels": [40, 64], **_TEXT},
        _data("train"),
        {"steps": 600, "batch_size": 32, "learning_rate": 1.5e-3, "warmup": 50, "condition_drop": 0.1},
        average=0.99,
        needs=("small_vae",),
    ),
    Recipe(
        "small_captioner",
        _builder("vit_gpt2"),
        {"width": 96, "vision_layers": 2, "text_layers": 2},
        _data("train"),
        {"steps": 600, "batch_size": 32, "learning_rate": 1.5e-3, "warmup": 50, "weight_decay": 0.01},
        average=0.99,
    ),
    Recipe(
        "small_judge",
        _builder("clip"),
        {"width": 64, "layers": 2, "patch": 4, "projection": 64},
        _data("judge"),
        {"steps": 200, "batch_size": 64, "learning_rate": 2e-3, "warmup": 20, "weight_decay": 0.01},
        average=0.98,
    ),
    Recipe(
        "small_scorer",
        _builder("conv_dual"),
        {"channels": [32, 64, 96], "depths": [1, 2, 1], **_TEXT, "projection": 64},
        _data("scorer"),
        {"steps": 200, "batch_size": 64, "learning_rate": 2e-3, "warmup": 20, "weight_decay": 0.01},
        average=0.98,
    ),
)

SMALL: dict[str, Recipe] = {recipe.name: recipe for recipe in _SMALL}
#: Every recipe that a testbed may name.
RECIPES: dict[str, Recipe] = {**SCENES, **SMALL}

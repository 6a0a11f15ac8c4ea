"""The bases that ship: whole, small, made by the recipes that are there, and as good as their cards say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from datamodules.scenes.dataset import Scenes
from lightning_modules.bases.measure import DECODING
from lightning_modules.bases.quality import base_class, measure_quality
from lightning_modules.bases.recipes import SCENES
from lightning_modules.bases.train import BASES
from lightning_modules.weights import cards

NAMES = sorted(p.parent.name for p in BASES.glob("*/card.json"))
MAKERS = [n for n in NAMES if "shape" in json.loads((BASES / n / "card.json").read_text()).get("quality", {})]
CAPTIONERS = ["blip2", "git", "vit_gpt2", "blip", "llava"]
GENERATORS = ["sdxl_unet", "flow_unet", "sd_unet", "sample_unet", "eps_unet"]
#: Least share of shapes, colours and backgrounds read as asked for.
LEAST = 0.9


def test_five_a_side_a_judge_and_a_scorer_ship() -> None:
    assert {*CAPTIONERS, *GENERATORS, "clip", "scorer"} <= set(NAMES)


def test_all_weights_fit_into_25_mb() -> None:
    files = {f.resolve() for f in Path(BASES).rglob("*") if f.is_file()}  # generators share one autoencoder by links
    assert sum(f.stat().st_size for f in files) < 25e6


@pytest.mark.parametrize("name", NAMES)
def test_card_matches_weights_and_recipe(name: str) -> None:
    card = cards.read(BASES / name)
    assert card["digest"] == cards.digest(BASES / name)
    assert card["recipe_digest"] == SCENES[name].digest, "the recipe has changed: run `make bases`"
    assert {"command", "data_seed", "steps", "quality"} <= set(card)


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_draw_what_they_are_asked_for(name: str) -> None:
    quality = cards.read(BASES / name)["quality"]
    for attribute in ("shape", "colour", "background"):
        assert quality[attribute] >= LEAST
        assert quality[f"tail/{attribute}"] >= 0.7


@pytest.mark.parametrize("name", CAPTIONERS)
def test_captioners_say_what_they_see(name: str) -> None:
    quality = cards.read(BASES / name)["quality"]
    assert np.mean([v for k, v in quality.items() if not k.startswith("tail/")]) >= 0.95


@pytest.mark.parametrize("name", MAKERS)
def test_cards_tell_the_truth(name: str) -> None:
    data_set, items = Scenes(**SCENES[name].data["init_args"]), 64
    module = base_class(BASES / name).load(BASES / name)
    decoding = DECODING if name in GENERATORS else None
    found = measure_quality(module, data_set, items, decoding=decoding)
    for attribute, value in cards.read(BASES / name)["quality"].items():
        if not attribute.startswith("tail/"):
            # Four standard errors of a share at 64 items, and one item where the share is all but 1.
            slack = 4 * np.sqrt(max(value * (1 - value), 1 / items) / items)
            assert abs(found[attribute] - value) <= slack, attribute

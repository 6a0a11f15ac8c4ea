"""docs/training.md names tests that are there and settings that can be set."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import yaml

from lightning_modules.settings import FitSettings

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "training.md").read_text()


def test_every_row_names_a_test_that_is_there() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| |")]
    assert len(rows) > 25
    for row in rows:
        last = row.rstrip("| ").rpartition("|")[2].strip()
        names = re.findall(r"`([\w/]+\.py)`", last)
        assert names or last == "-", row
        for name in names:
            places = (ROOT / name, ROOT / "tests" / "lightning_modules" / name)
            assert any(place.is_file() for place in places), name


def test_settings_that_the_page_names_can_be_set() -> None:
    known = {field.name for field in fields(FitSettings)}
    for name in ("latents", "condition_drop", "min_snr", "flow_times", "flow_error", "lora_start", "weight_decay",
                 "gradient_clip", "token_mean"):  # fmt: skip
        assert name in known
        assert name in PAGE


def test_what_the_full_size_suites_turn_on_is_on() -> None:
    fit = yaml.safe_load((ROOT / "suites" / "bases" / "paper.yaml").read_text())["fit"]
    assert (fit["generator"]["lora_start"], fit["generator"]["weight_decay"]) == ("gaussian", 0.01)
    assert fit["generator"]["condition_drop"] == 0.1
    # one setting serves all members of an ensemble, those of noise and those of flow matching
    assert not {"min_snr", "snr_floor", "flow_times", "flow_error"} & set(fit["generator"])
    assert not {"lora_start", "weight_decay", "token_mean"} & set(fit["captioner"])
    for name in ("coco", "coco2017"):
        bed = yaml.safe_load((ROOT / "suites" / "testbeds" / f"{name}.yaml").read_text())
        assert bed["data"]["init_args"]["original_sizes"] is True
        assert all(model["init_args"]["vae_dtype"] == "float32" for model in bed["generators"])

"""An adapter on twenty layers or more, which peft names in short: still the adapter that the next fit asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from peft import PeftModel

from datamodules.pairs import Pairs
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.settings import FitSettings, Lora
from lightning_modules.tiny import captioners

SETTINGS = FitSettings(1, 1e-2, 4, lora=Lora(2, 2.0))
CAPTIONS = ("a red dog", "cats", "two birds over a lake", "the blue bus stops here")


def four() -> Pairs:
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    return Pairs(np.arange(4), images, CAPTIONS, CAPTIONS, np.zeros(4, np.int16))


@pytest.mark.parametrize(("family", "layers"), [("blip_2_opt", 10), ("blip", 6), ("vit_gpt2", 12)])
def test_iteration_after_iteration_goes_on_with_the_same_adapter(
    family: str, layers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(captioners._LAYER, "num_hidden_layers", layers)
    captioners.write(family, tmp_path / "base")
    module, adapter, losses = CaptionerModule.load(tmp_path / "base"), tmp_path / "base", []
    for t in range(3):
        losses += module.fit_pairs(four(), SETTINGS, t).losses
        adapter = tmp_path / str(t)
        module.save(adapter)
        module = CaptionerModule.load(adapter)
    assert losses == sorted(losses, reverse=True), "it learns on"
    targets = CaptionerModule.load(adapter).lora.targets
    plain = CaptionerModule.load(tmp_path / "base")
    opened = PeftModel.from_pretrained(plain.model, adapter)
    assert sum("lora_A" in name for name, _ in opened.named_parameters()) == len(targets)
    assert family == "vit_gpt2" or len(targets) >= 20

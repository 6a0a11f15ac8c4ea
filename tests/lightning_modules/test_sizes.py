"""What a plan says that trained models will take on the disk is what they take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.fitting import adapters
from lightning_modules.fitting.sizes import held_bytes, saved_bytes
from lightning_modules.settings import FitSettings, Lora
from lightning_modules.tiny import captioners, generators
from lightning_modules.weights.quiet import quiet

CAPTIONERS = [name for name in captioners.FAMILIES if name != "blip"]
GENERATORS = ["sd15", "sd3", "flux", "sdxl"]


def made(name: str, folder: Path) -> Any:
    with quiet():
        if name in captioners.FAMILIES:
            captioners.write(name, folder)
            return CaptionerModule
        generators.make(name).save_pretrained(folder)
        return GeneratorModule


def weights(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", [*CAPTIONERS, *(g for g in GENERATORS if g in generators.FAMILIES)])
def test_sizes_are_those_of_what_is_saved(name: str, dtype: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    cls = made(name, tmp_path / "base")
    for lora in (Lora(rank=4, alpha=4.0), None) if dtype == "float32" else (None,):
        model = cls.load(tmp_path / "base", dtype=dtype)
        adapters.prepare(model, FitSettings(1, 1e-3, lora=lora, precision="32" if dtype == "float32" else "bf16"), 0)
        held = sum(p.nbytes * (4 if p.requires_grad else 1) for p in model.parameters())
        assert held_bytes(tmp_path / "base", dtype, lora) == pytest.approx(held, rel=0.05, abs=20_000)
        model.save(tmp_path / f"saved{lora is None}")
        found, told = weights(tmp_path / f"saved{lora is None}"), saved_bytes(tmp_path / "base", dtype, lora)
        beside = 12_000 if lora else 0  # base.json, and names of layers in a header
        assert told <= found + 20_000
        assert found - beside <= 1.05 * told + 20_000, (lora, found, told)
        if lora is not None:
            exact = sum(p.numel() * 4 for p in model.parameters() if p.requires_grad)
            assert told == exact

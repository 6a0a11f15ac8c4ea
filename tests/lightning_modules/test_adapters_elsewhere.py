"""Adapters as the libraries read them: one line each, for every family, of what is saved here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoProcessor

from datamodules.pairs import Pairs
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.fitting import adapters
from lightning_modules.settings import FitSettings, Lora
from lightning_modules.weights import adapter_contents
from tests.lightning_modules import tiny_captioners, tiny_generators

SETTINGS = FitSettings(3, 1e-2, 4, lora=Lora(rank=2, alpha=4.0))
PIXART = ("pixart_alpha", "pixart_alpha_1024", "pixart_sigma")


@pytest.fixture(scope="module")
def generators(tmp_path_factory):
    return tiny_generators.folders_of(tmp_path_factory)


def pairs_for(captions: list[str], images: np.ndarray) -> Pairs:
    n = len(captions)
    return Pairs(np.arange(n), images, tuple(captions), tuple(captions), np.zeros(n, np.int16))


def fitted(module: Any, pairs: Pairs, folder: Path) -> dict[str, torch.Tensor]:
    """Fit an adapter, save it, and return what it adds, by layer."""
    module.fit_pairs(pairs, SETTINGS, seed=1)
    module.save(folder)
    found = adapters.product(module)
    assert any(value.any() for value in found.values())
    return found


def added(network: torch.nn.Module, name: str) -> dict[str, torch.Tensor]:
    """Return what a library's own adapter adds, by layer."""
    layers = ((n, m) for n, m in network.named_modules() if hasattr(m, "get_delta_weight"))
    found = {}
    for layer, module in layers:
        delta = module.get_delta_weight(name).detach().float().flatten(1)
        found[layer] = delta.T if module.fan_in_fan_out else delta  # GPT-2 holds its weights the other way round
    return found


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert theirs.keys() == ours.keys()
    for name, value in ours.items():
        torch.testing.assert_close(theirs[name], value, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("name", tiny_generators.FAMILIES)
def test_a_generators_adapter_is_read_by_its_pipeline(name, generators, tmp_path):
    folder = generators(name)
    module = tiny_generators.load(folder, name)
    size = tiny_generators.SIZE
    images = np.random.default_rng(0).integers(0, 256, (4, size, size, 3)).astype(np.uint8)
    ours = fitted(module, pairs_for(list(tiny_generators.CAPTIONS)[:4], images), tmp_path)
    pipe = tiny_generators.opened(folder)
    if name in PIXART:  # its pipeline in diffusers has no loader of adapters
        assert not hasattr(pipe, "load_lora_weights")
        read = PeftModel.from_pretrained(pipe.transformer, tmp_path)
        same(ours, added(read.base_model.model, "default"))
        return
    pipe.load_lora_weights(tmp_path)
    part = getattr(pipe, module.family.denoiser)
    same(ours, added(part, next(iter(part.peft_config))))


@pytest.mark.parametrize("name", tiny_captioners.TINY)
def test_a_captioners_adapter_is_read_by_peft(name, tmp_path):
    base = tmp_path / "base"
    tiny_captioners.make(name, base)
    module = CaptionerModule.load(base)
    captions = list(tiny_captioners.CAPTIONS)[:4]
    ours = fitted(module, pairs_for(captions, tiny_captioners.images(4)), tmp_path / "adapter")
    read = PeftModel.from_pretrained(CaptionerModule.load(base).model, tmp_path / "adapter")
    same(ours, added(read.base_model.model, "default"))


def test_an_adapter_in_pefts_layout_is_still_read(generators, tmp_path):
    """Stores made before generators had diffusers' layout hold such."""
    module = tiny_generators.load(generators("sdxl"), "sdxl")
    size = tiny_generators.SIZE
    images = np.random.default_rng(0).integers(0, 256, (4, size, size, 3)).astype(np.uint8)
    ours = fitted(module, pairs_for(list(tiny_generators.CAPTIONS)[:4], images), tmp_path)
    new = tmp_path / adapter_contents.DIFFUSERS["unet"].weights
    state = {k.replace("unet.", adapter_contents.PEFT.prefix, 1): v for k, v in load_file(new).items()}
    new.unlink()
    save_file(state, tmp_path / adapter_contents.PEFT.weights)
    same(ours, adapters.product(GeneratorModule.load(tmp_path)))


def test_size_and_prompt_of_a_base_survive_in_its_adapter(generators, tmp_path):
    generator = GeneratorModule.load(generators("sd15"), size=2 * tiny_generators.SIZE)
    tiny_captioners.make("blip", tmp_path / "base")
    captioner = CaptionerModule.load(tmp_path / "base", prompt="a photo of")
    size = tiny_generators.SIZE
    for module, images in (
        (generator, np.zeros((1, 2 * size, 2 * size, 3), np.uint8)),
        (captioner, tiny_captioners.images(1)),
    ):
        module.fit_pairs(pairs_for(["a red ring"], images), FitSettings(0, 1e-2, 1, lora=Lora(2, 4.0)), seed=1)
        module.save(tmp_path / module.modality)
    assert GeneratorModule.load(tmp_path / "generator").size == 2 * size
    assert CaptionerModule.load(tmp_path / "captioner").prompt == "a photo of"


@pytest.mark.parametrize("name", tiny_captioners.TINY)
def test_a_saved_captioner_keeps_its_processor(name, tmp_path):
    """The library's own processor makes the same of a turn and an image as it does of the original's folder."""
    tiny_captioners.make(name, tmp_path / "original")
    if not (tmp_path / "original" / "processor_config.json").is_file():
        pytest.skip("this family's published models have no processor")
    CaptionerModule.load(tmp_path / "original").save(tmp_path / "saved")
    image = Image.fromarray(tiny_captioners.images(1)[0])
    images = [[image]] if name == "idefics2" else [image]
    text = ["<image> a red ring" if name in ("llava", "idefics2", "idefics3", "smolvlm") else "a red ring"]
    made = []
    for folder in ("original", "saved"):
        processor = AutoProcessor.from_pretrained(tmp_path / folder, local_files_only=True)
        made.append((type(processor), processor(images=images, text=text, return_tensors="pt")))
    (kind, first), (again, second) = made
    assert kind is again
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)

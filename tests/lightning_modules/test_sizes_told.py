"""SDXL is told how large a picture was before it was scaled, and what was cut off, where a data set tells it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.steps.items import real_pairs
from datamodules.imagefolder import ImageFolder
from datamodules.pairs import Pairs
from lightning_modules.settings import FitSettings
from tests.lightning_modules.test_recipes import generator

USUAL = FitSettings(1, 1e-2, 4)
SIDE = 16


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures: wide, tall, square, and one that lies on its side until EXIF turns it."""
    lines = []
    for name, size in (("a", (64, 48)), ("b", (30, 61)), ("c", (16, 16)), ("d", (64, 48))):
        exif = Image.Exif()
        if name == "d":
            exif[0x0112] = 6
        Image.new("RGB", size, "red").save(tmp_path / f"{name}.jpg", exif=exif)
        lines.append(json.dumps({"file_name": f"{name}.jpg", "text": f"picture {name}"}))
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    return tmp_path


def data_of(folder, told=True):
    return ImageFolder(str(folder), {"prompts": 4}, resolution=SIDE, original_sizes=told)


def test_pairs_say_how_large_pictures_were_and_keep_it(folder, tmp_path_factory):
    data, ids = data_of(folder), np.arange(4)
    pairs = real_pairs(data, "prompts", ids, 0)
    sizes = {"a.jpg": (48, 64), "b.jpg": (61, 30), "c.jpg": (16, 16), "d.jpg": (64, 48)}
    expected = [sizes[name] for name in data.ids("prompts", ids)]
    assert list(zip(pairs.heights.tolist(), pairs.widths.tolist(), strict=True)) == expected
    pairs.save(place := tmp_path_factory.mktemp("pairs"))
    again = Pairs.load(place)
    assert np.array_equal(again.heights, pairs.heights)
    assert again.heights.dtype == np.int32
    made = pairs.with_(heights=None, widths=None)
    both = Pairs.concat([pairs, made])
    assert both.heights.tolist() == [*pairs.heights.tolist(), 0, 0, 0, 0]
    assert both.take([5, 0]).widths.tolist() == [0, pairs.widths[0]]


def test_by_default_nothing_is_told_and_the_identity_is_what_it_was(folder):
    plain, told = data_of(folder, False), data_of(folder)
    pairs = real_pairs(plain, "prompts", np.arange(4), 0)
    assert pairs.heights is None
    assert "original_sizes" not in plain.identity
    assert told.identity == {**plain.identity, "original_sizes": True}
    assert "sizes" not in generator().fit_rows(pairs, USUAL)


def test_the_sizes_are_those_of_diffusers_script():
    """Original height and width, top and left of a centre crop behind scaling by the short side, target size."""
    family = generator().family
    found = family.sizes(np.array([480, 640, 0, 100]), np.array([640, 427, 0, 100]), 1024)
    assert found.tolist() == [
        [480, 640, 0, 170, 1024, 1024],  # 640 x 1024 / 480 = 1365, of which 341 are cut off
        [640, 427, 255, 0, 1024, 1024],  # 640 x 1024 / 427 = 1534
        [1024, 1024, 0, 0, 1024, 1024],  # made as it is
        [100, 100, 0, 0, 1024, 1024],  # enlarged, nothing cut off
    ]


def test_a_fit_tells_the_network_and_sampling_asks_for_pictures_of_full_size(folder, monkeypatch):
    module, told = generator(), []
    forward = type(module.family.network).forward

    def watched(self, *inputs, added_cond_kwargs=None, **options):
        told.append(added_cond_kwargs["time_ids"].clone())
        return forward(self, *inputs, added_cond_kwargs=added_cond_kwargs, **options)

    monkeypatch.setattr(type(module.family.network), "forward", watched)
    pairs = real_pairs(data_of(folder), "prompts", np.arange(4), 0)
    module.fit_pairs(pairs, USUAL, 0)
    expected = module.family.sizes(pairs.heights, pairs.widths, SIDE)
    assert sorted(told[0].tolist()) == sorted(expected.tolist())
    plain = generator()
    told.clear()
    plain.fit_pairs(pairs.with_(heights=None, widths=None), USUAL, 0)
    assert told[0].tolist() == [[SIDE, SIDE, 0, 0, SIDE, SIDE]] * 4


def test_other_families_are_told_nothing(folder):
    pairs = real_pairs(data_of(folder), "prompts", np.arange(4), 0)
    for name in ("sd15", "pixart_alpha", "sd3"):
        assert "sizes" not in generator(name).fit_rows(pairs, USUAL)


def test_an_autoencoder_may_be_held_and_computed_in_float32(tmp_path):
    """SDXL's is in diffusers' scripts; beside weights in bfloat16 its latents are those of float32 to the last bit."""
    from lightning_modules.diffusion.generator import GeneratorModule
    from lightning_modules.tiny import generators

    generators.make("sdxl").save_pretrained(tmp_path / "base")
    exact, half = (GeneratorModule.load(tmp_path / "base", size=SIDE, dtype=d) for d in ("float32", "bfloat16"))
    mixed = GeneratorModule.load(tmp_path / "base", size=SIDE, dtype="bfloat16", vae_dtype="float32")
    images = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)
    found = [module.encode(images, ["a", "b", "c"])["latents"] for module in (exact, half, mixed)]
    assert torch.equal(found[2], found[0])
    assert not torch.equal(found[1], found[0])
    assert mixed.family.network.dtype == torch.bfloat16
    wanted = FitSettings(1, 1e-2, 3, precision="bf16")
    pairs = Pairs(ids=range(3), images=images, captions=["a", "b", "c"], prompts=[""] * 3, origin=[0] * 3)
    mixed.fit_pairs(pairs, wanted, 0)
    mixed.save(tmp_path / "again")
    again = GeneratorModule.load(tmp_path / "again")
    assert again.vae_dtype == "float32"
    assert again.parts["vae"].dtype == torch.float32
    assert torch.equal(again.encode(images, ["a", "b", "c"])["latents"], found[0])

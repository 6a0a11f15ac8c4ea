"""Tokenizer, pixels, seeds, autoencoder, cards and recipes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from datamodules import png
from datamodules.pairs import Pairs
from lightning_modules.architectures import autoencoder, decoder
from lightning_modules.architectures.parts import Given
from lightning_modules.bases.recipes import SCENES
from lightning_modules.diffusion.autoencoder import AutoencoderModule
from lightning_modules.families import image_to_text, text_to_image
from lightning_modules.fitting import runner
from lightning_modules.inputs.pixels import distinct, to_bytes, to_unit
from lightning_modules.inputs.tokens import END, PAD, START, UNKNOWN, tokenize, word_tokenizer
from lightning_modules.seeds import derive, gaussian, gumbel, streams_of
from lightning_modules.settings import FitSettings
from lightning_modules.weights import cards


def test_tokenizer(tmp_path):
    tokenizer = word_tokenizer(("a", ",", "red"), 6)
    ids, mask = tokenize(tokenizer, ["a , red", "", "blue a a a a a a"], fixed=True)
    assert ids.tolist() == [[START, 4, 5, 6, END, PAD], [START, END] + [PAD] * 4, [START, UNKNOWN, 4, 4, 4, END]]
    assert mask.sum(1).tolist() == [5, 2, 6]
    tokenizer.save_pretrained(tmp_path)
    again = type(tokenizer).from_pretrained(tmp_path)
    assert tokenize(again, ["a , red"])[0].tolist() == [[START, 4, 5, 6, END]]
    assert tokenizer.decode([4, 5, 6]) == "a , red"


def test_every_caption_fits_and_has_no_unknown_word(scenes):
    tokenizer = word_tokenizer(scenes.vocabulary(), 32)
    texts = [text for six in scenes.captions("train", np.arange(500)) for text in six]
    ids, mask = tokenize(tokenizer, texts)
    assert ids.shape[1] < 32
    assert not (ids == UNKNOWN).any()
    assert [
        tokenizer.decode(row[m.bool()], skip_special_tokens=True) for row, m in zip(ids, mask, strict=True)
    ] == texts


def test_pixels_there_and_back():
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    assert to_unit(images).shape == (3, 3, 4, 5)
    np.testing.assert_array_equal(to_bytes(to_unit(images)), images)
    assert to_bytes(torch.tensor([-9.0, 9.0]).view(1, 2, 1, 1)).ravel().tolist() == [0, 255]


def test_distinct():
    images = np.array([3, 1, 3, 2], np.uint8).reshape(4, 1, 1, 1)
    different, back = distinct(images)
    assert different.ravel().tolist() == [3, 1, 2]
    assert back.tolist() == [0, 1, 0, 2]


def test_distinct_tells_pictures_in_files_apart_without_a_look(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)[[2, 0, 2, 1, 0]]
    n = len(array)
    Pairs(ids=range(n), images=array, captions=[""] * n, prompts=[""] * n, origin=[0] * n).save(tmp_path)
    png.forget_counts()
    (different, back), (expected, rows) = distinct(Pairs.load(tmp_path).images), distinct(array)
    assert png.counted()["decoded"] == 0
    assert torch.equal(back, rows)
    np.testing.assert_array_equal(different, expected)


def test_noise_belongs_to_a_sample():
    seeds = np.array([5, 2**64 - 1, 7], np.uint64)
    whole = gaussian(streams_of(seeds), (2, 3))
    torch.testing.assert_close(gaussian(streams_of(seeds[1:]), (2, 3)), whole[1:])
    noise = gumbel(streams_of(np.arange(400)), 50)
    assert noise.mean().item() == pytest.approx(0.5772, abs=0.03)
    assert derive(1, "a") != derive(1, "b") != derive("1", "ab")


def test_autoencoder_latents_are_standard_and_images_stay(scenes, tmp_path):
    torch.manual_seed(0)
    module = autoencoder.build(Given((), 32, tmp_path), channels=(8, 8, 8), latents=4)
    images = scenes.images("train", np.arange(300))
    data = module.encode(images)
    report = runner.fit(module, data, FitSettings(15, 3e-3, 16), seed=0)
    assert report.losses[-1] < report.losses[0]
    before = module.reconstruct(images[:8])
    module.finish(data)
    assert np.abs(module.reconstruct(images[:8]).astype(int) - before).max() <= 1
    with torch.no_grad():
        latents = module.vae.encode(to_unit(images)).latent_dist.mode()
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(4), atol=1e-3, rtol=0)
    module.save(tmp_path / "vae")
    further = decoder.build(Given((), 32, tmp_path))
    runner.fit(further, further.encode(images), FitSettings(3, 1e-3, 16), seed=0)
    with torch.no_grad():
        same = further.vae.encode(to_unit(images)).latent_dist.mode()
    torch.testing.assert_close(same, latents, atol=1e-4, rtol=1e-4)
    assert isinstance(AutoencoderModule.load(tmp_path / "vae"), AutoencoderModule)


def test_digest_follows_the_files_that_count(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.safetensors").write_bytes(b"1")
    first = cards.write(tmp_path, {"recipe": "r"})
    assert cards.read(tmp_path) == first
    (tmp_path / "README.md").write_text("no weights")
    assert cards.digest(tmp_path) == first["digest"]
    (tmp_path / "a" / "x.safetensors").write_bytes(b"2")
    assert cards.digest(tmp_path) != first["digest"]


def test_recipes_can_be_written_down():
    for name, recipe in SCENES.items():
        assert name == recipe.name
        assert set(recipe.needs) <= set(SCENES)
        FitSettings(**recipe.fit)
        assert json.loads(json.dumps(recipe.options)) == recipe.options
    digests = {recipe.digest for recipe in SCENES.values()}
    assert len(digests) == len(SCENES)
    assert replace(SCENES["vae"], seed=1).digest not in digests


def test_unknown_families_say_what_to_add():
    with pytest.raises(ValueError, match="families/kandinsky"):
        text_to_image.family_of("KandinskyPipeline")
    with pytest.raises(ValueError, match="families/pix2struct"):
        image_to_text.family_of("pix2struct")

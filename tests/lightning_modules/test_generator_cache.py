"""What frozen networks made of texts and images is kept by content."""

import numpy as np
import pytest
import torch
from torch import nn

from datamodules.pairs import Pairs
from lightning_modules.diffusion.cache import ContentCache
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.settings import FitSettings, ImageDecoding
from tests.lightning_modules.tiny_generators import CAPTIONS, SIZE, make

torch.set_num_threads(1)
SEEDS = np.arange(4, dtype=np.uint64)
DECODING = ImageDecoding(2, 2.0)


@pytest.fixture(scope="module", params=["sdxl", "sd3"])
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    make(request.param).save_pretrained(folder)
    return folder


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)


def counted(module):
    """Return a list that grows by the name of every encoder that runs."""
    runs = []
    for name in (*module.family.present, "vae"):
        network = module.networks[name].encoder if name == "vae" else module.networks[name]
        network.register_forward_pre_hook(lambda m, inputs, name=name: runs.append(name))
    return runs


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a | b)


def test_nothing_is_encoded_twice(folder, images):
    module = GeneratorModule.load(folder)
    runs = counted(module)
    first = module.encode(images, CAPTIONS)
    assert set(runs) == {*module.family.present, "vae"}
    runs.clear()
    again = module.encode(images.copy(), tuple(CAPTIONS))
    assert runs == []
    assert same(first, again)
    assert same(first, GeneratorModule.load(folder).encode(images, CAPTIONS))


def test_a_second_fit_and_a_second_generation_encode_nothing(folder, images):
    pairs = Pairs(np.arange(4), images, CAPTIONS, CAPTIONS, np.zeros(4, np.int16))
    module = GeneratorModule.load(folder)
    runs = counted(module)
    for seed in (0, 1):
        module.fit_pairs(pairs, FitSettings(1, 1e-3, 2, condition_drop=0.5), seed)
        drawn = module.generate(CAPTIONS, DECODING, SEEDS).outputs
        if seed == 0:
            assert runs
            runs.clear()
    assert runs == []
    module.encoders.cache.clear()
    assert np.array_equal(module.generate(CAPTIONS, DECODING, SEEDS).outputs, drawn)


def test_other_content_is_encoded(folder, images):
    module = GeneratorModule.load(folder)
    first = module.encode(images, CAPTIONS)
    changed = images.copy()
    changed[0, 0, 0, 0] ^= 128
    other = module.encode(changed, ("red box", *CAPTIONS[1:]))
    fresh = GeneratorModule.load(folder).encode(changed, ("red box", *CAPTIONS[1:]))
    assert same(other, fresh)
    assert not torch.equal(other["latents"][0], first["latents"][0])
    assert not torch.equal(other["states"][0], first["states"][0])


def test_other_weights_encode_again(folder, images):
    module = GeneratorModule.load(folder)
    first = module.encode(images, CAPTIONS)
    module.load_state_dict({name: value * 1.1 for name, value in module.state_dict().items()})
    second = module.encode(images, CAPTIONS)
    assert not torch.equal(first["latents"], second["latents"])
    assert not torch.equal(first["states"], second["states"])


def test_trained_text_is_never_remembered(folder, images):
    module = GeneratorModule.load(folder)
    module.encode(images, CAPTIONS)
    module.train_text()
    assert module.encoders.cache.size == 0
    runs = counted(module)
    for _ in range(2):
        module.generate(CAPTIONS, DECODING, SEEDS)
    assert runs.count("text_encoder") == 4  # prompts and the empty prompt, twice
    assert module.encoders.cache.size == 0


def test_memory_is_bounded_and_the_oldest_goes_first():
    network, made = nn.Linear(1, 1), []

    def make_of(name, n=4):
        return lambda: made.append(name) or {"x": torch.full((n,), float(len(made)))}

    cache = ContentCache(limit=40)  # two results of four float32
    for name in "ab":
        cache.get([name.encode()], [network], make_of(name))
    cache.get([b"a"], [network], make_of("a"))
    cache.get([b"c"], [network], make_of("c"))  # b was used longest ago
    cache.get([b"a"], [network], make_of("a"))
    cache.get([b"b"], [network], make_of("b"))
    assert made == ["a", "b", "c", "b"]
    assert cache.size == 32
    cache.get([b"large"], [network], make_of("large", 100))
    assert cache.size == 32
    assert cache.get([b"b"], [network], make_of("b"))["x"][0] == 4.0


def test_boundaries_between_pieces_count():
    cache, network = ContentCache(), nn.Linear(1, 1)
    assert cache.get([b"ab", b"c"], [network], lambda: {"x": torch.zeros(1)})["x"] == 0
    assert cache.get([b"a", b"bc"], [network], lambda: {"x": torch.ones(1)})["x"] == 1


def test_what_sampling_made_can_serve_training():
    cache, network = ContentCache(), nn.Linear(2, 1)
    with torch.inference_mode():
        cache.get([b"a"], [network], lambda: {"x": torch.ones(3, 2)})
    network(cache.get([b"a"], [network], dict)["x"]).sum().backward()
    assert network.weight.grad is not None

"""Adapters: attached once, continued, saved beside their base, read by peft and diffusers, and their arithmetic."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.fitting import adapters
from lightning_modules.settings import CaptionDecoding, FitSettings, ImageDecoding, Lora
from lightning_modules.weights import cards
from lightning_modules.weights.sources import MissingModel
from tests.lightning_modules.conftest import make_captioner, make_generator, make_judge

LORA = Lora(rank=2, alpha=4.0)
SETTINGS = FitSettings(3, 1e-2, 5, lora=LORA)
SEEDS = np.arange(12, dtype=np.uint64)
FILES = {
    "captioner": ("adapter_model.safetensors", "base_model.model."),
    "generator": ("pytorch_lora_weights.safetensors", "unet."),
}


@pytest.fixture(scope="module")
def bases(scenes, siblings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapted")
    make_captioner("blip2", scenes).save(folder / "captioner")
    make_generator("sdxl_unet", scenes, siblings).save(folder / "generator")
    for name in ("captioner", "generator"):
        cards.write(folder / name, {})
    return folder


@pytest.fixture(params=[CaptionerModule, GeneratorModule], ids=["captioner", "generator"])
def module(request, bases):
    return request.param.load(bases / request.param.modality)


def made(module, pairs):
    if isinstance(module, CaptionerModule):
        return module.generate(pairs.images, CaptionDecoding(temperature=1.0, max_new_tokens=8), SEEDS).outputs
    return module.generate(pairs.captions, ImageDecoding(3, 2.0), SEEDS).outputs.astype(int)


def weights(module):
    return {k: v.clone() for k, v in module.state_dict().items()}


def test_only_the_adapter_is_trained_and_it_starts_at_nothing(module, pairs):
    before, outputs = weights(module), made(module, pairs)
    module.fit_pairs(pairs, FitSettings(0, 1e-2, 5, lora=LORA), seed=0)
    assert np.all(np.array(outputs) == np.array(made(module, pairs)))
    module.fit_pairs(pairs, SETTINGS, seed=0)
    after = weights(module)
    plain = {k.replace(".base_layer", ""): v for k, v in after.items() if "lora_" not in k}
    assert plain.keys() == before.keys()
    assert all(torch.equal(plain[k], before[k]) for k in before)
    trained = {k for k, p in module.named_parameters() if p.requires_grad}
    assert trained == {k for k in after if "lora_" in k} != set()
    assert all(after[k].any() for k in trained)


def test_the_first_adapter_and_its_fit_follow_from_the_seed(bases, pairs):
    states = []
    for seed in (0, 0, 1):
        module = CaptionerModule.load(bases / "captioner")
        torch.manual_seed(len(states))  # what others have drawn does not matter
        module.fit_pairs(pairs, FitSettings(0, 1e-2, 5, lora=LORA), seed)
        states.append(adapters.trained_state(module))
    assert all(torch.equal(v, states[1][k]) for k, v in states[0].items())
    assert any(not torch.equal(v, states[2][k]) for k, v in states[0].items())


def test_a_frozen_part_gets_no_adapter(bases, pairs):
    module = CaptionerModule.load(bases / "captioner")
    module.fit_pairs(pairs, FitSettings(1, 1e-2, 5, lora=Lora(2, 2.0, ("fc1", "q_proj"))), seed=0)
    layers = set(adapters.product(module))
    assert {name.rpartition(".")[2] for name in layers} == {"fc1", "q_proj"}
    assert not any(name.startswith("vision_model.") for name in layers)
    assert module.keep_features


def test_later_fits_continue_the_one_adapter(module, pairs, tmp_path):
    """Two fits in a row, with a save and a load between them, are the same as without."""
    module.fit_pairs(pairs, SETTINGS, seed=1)
    first = adapters.trained_state(module)
    module.save(tmp_path)
    again = type(module).load(tmp_path)
    assert all(torch.equal(v, first[k]) for k, v in adapters.trained_state(again).items())
    assert np.all(np.array(made(module, pairs)) == np.array(made(again, pairs)))
    for each in (module, again):
        each.fit_pairs(pairs, SETTINGS, seed=2)
    second = adapters.trained_state(module)
    assert second.keys() == first.keys()
    assert any(not torch.equal(v, first[k]) for k, v in second.items())
    assert all(torch.equal(v, second[k]) for k, v in adapters.trained_state(again).items())


def test_a_saved_adapter_holds_no_base_weights(module, pairs, tmp_path, bases):
    module.fit_pairs(pairs, SETTINGS, seed=1)
    module.save(tmp_path)
    weights, prefix = FILES[module.modality]
    assert {f.name for f in tmp_path.iterdir()} == {"adapter_config.json", weights, "base.json"}
    state = load_file(tmp_path / weights)
    assert all(k.startswith(prefix) and ".lora_" in k for k in state)
    assert all(v.dtype == torch.float32 for v in state.values())
    base = json.loads((tmp_path / "base.json").read_text())
    assert base["folder"] == str(bases / module.modality)
    assert base["digest"] == cards.read(bases / module.modality)["digest"]


@pytest.mark.parametrize(
    ("lora", "words"),
    [
        (Lora(3, 4.0), "the fit asks for rank 3, alpha 4"),
        (Lora(2, 8.0), "the fit asks for rank 2, alpha 8"),
        (Lora(2, 4.0, ("q_proj",)), "targets q_proj$"),
        (None, "carries an adapter .* and the fit asks for none"),
    ],
)
def test_another_adapter_than_asked_for_is_refused(lora, words, bases, pairs):
    module = CaptionerModule.load(bases / "captioner")
    module.fit_pairs(pairs, SETTINGS, seed=0)
    with pytest.raises(ValueError, match=words):
        module.fit_pairs(pairs, FitSettings(1, 1e-2, 5, lora=lora), seed=0)


def test_what_takes_no_adapter_says_so(scenes, pairs, bases):
    module = CaptionerModule.load(bases / "captioner")
    for targets, words in (
        (("nonsense",), "no trained layer .* 'nonsense'"),
        (("embed_tokens",), "Embedding; allowed"),
    ):
        with pytest.raises(ValueError, match=words):
            module.fit_pairs(pairs, FitSettings(1, 1e-2, 5, lora=Lora(targets=targets)), seed=0)
    judge = make_judge("clip", scenes)
    with pytest.raises(ValueError, match="ClipJudge names no lora_targets"):
        adapters.prepare(judge, SETTINGS, 0)


def test_an_adapter_needs_its_base(pairs, bases, tmp_path, scenes):
    shutil.copytree(bases / "captioner", tmp_path / "base")
    module = CaptionerModule.load(tmp_path / "base")
    module.fit_pairs(pairs, SETTINGS, seed=0)
    module.save(tmp_path / "adapter")
    other = make_captioner("blip2", scenes, seed=5)
    other.save(tmp_path / "base")
    with pytest.raises(MissingModel, match="was trained on a base with digest"):
        CaptionerModule.load(tmp_path / "adapter")
    shutil.rmtree(tmp_path / "base")
    with pytest.raises(MissingModel, match=r"cannot be used without its base: the folder .* is not there"):
        CaptionerModule.load(tmp_path / "adapter")
    other.fit_pairs(pairs, SETTINGS, seed=0)
    with pytest.raises(ValueError, match="load the base from a folder"):
        other.save(tmp_path / "nowhere")


def test_an_adapter_and_its_base_can_be_moved_together(pairs, bases, tmp_path):
    shutil.copytree(bases / "captioner", tmp_path / "old" / "base")
    module = CaptionerModule.load(tmp_path / "old" / "base")
    module.fit_pairs(pairs, SETTINGS, seed=0)
    module.save(tmp_path / "old" / "adapter")
    (tmp_path / "old").rename(tmp_path / "new")
    moved = CaptionerModule.load(tmp_path / "new" / "adapter")
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), moved.parameters(), strict=True))
    moved.save(tmp_path / "new" / "again")  # by where the base is now
    assert CaptionerModule.load(tmp_path / "new" / "again").lora == module.lora


def test_equal_adapters_are_equal_bytes(bases, pairs, tmp_path):
    for name in ("a", "b"):
        module = GeneratorModule.load(bases / "generator")
        module.fit_pairs(pairs, SETTINGS, seed=0)
        module.save(tmp_path / name)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


# --- arithmetic


def fitted(bases, pairs, seed):
    module = CaptionerModule.load(bases / "captioner")
    module.fit_pairs(pairs, SETTINGS, seed)
    return module


def test_a_product_is_what_the_adapter_adds(bases, pairs):
    module = fitted(bases, pairs, 0)
    name, value = next(iter(adapters.product(module).items()))
    layer = module.trained_part().get_submodule(name)
    inputs = torch.randn(3, value.shape[1])
    with torch.no_grad():
        torch.testing.assert_close(layer(inputs) - layer.base_layer(inputs), inputs @ value.T, atol=1e-6, rtol=1e-4)


def test_products_of_the_rank_go_back_exactly_and_still_train(bases, pairs):
    module = fitted(bases, pairs, 0)
    products = adapters.combine([(2.0, adapters.product(module))])
    report = adapters.set_product(module, products)
    assert report.overall < 1e-6
    assert set(report.layers) == set(products)
    for name, value in adapters.product(module).items():
        torch.testing.assert_close(value, products[name], atol=1e-7, rtol=1e-4)
    nothing = adapters.set_product(module, adapters.combine([(0.0, products)]))
    assert nothing.overall == 0.0
    assert not any(v.any() for v in adapters.product(module).values())
    module.fit_pairs(pairs, SETTINGS, seed=3)
    assert all(v.any() for v in adapters.product(module).values()), "an adapter of nothing can be trained on"


def test_products_of_a_higher_rank_lose_the_tail_of_their_singular_values(bases, pairs):
    module = fitted(bases, pairs, 0)
    generator = torch.Generator().manual_seed(0)
    wanted = {n: torch.randn(v.shape, generator=generator) for n, v in adapters.product(module).items()}
    report = adapters.set_product(module, wanted)
    values = {n: torch.linalg.svdvals(v.double()) for n, v in wanted.items()}
    for name, s in values.items():
        assert report.layers[name] == pytest.approx(float(s[LORA.rank :].norm() / s.norm()), rel=1e-5)
        again = adapters.product(module)[name]
        assert torch.linalg.matrix_rank(again) == LORA.rank
    lost = sum(float(s[LORA.rank :].square().sum()) for s in values.values())
    assert report.overall == pytest.approx(
        (lost / sum(float(s.square().sum()) for s in values.values())) ** 0.5, rel=1e-5
    )


def test_an_average_of_adapters_averages_what_they_add(bases, pairs):
    """Averaging factors would not: (B1 + B2)(A1 + A2) / 4 has mixed terms."""
    one, two = (fitted(bases, pairs, seed) for seed in (0, 1))
    mean = adapters.combine([(0.5, adapters.product(one)), (0.5, adapters.product(two))])
    target = CaptionerModule.load(bases / "captioner")
    target.fit_pairs(pairs, FitSettings(0, 1e-2, 5, lora=Lora(4, 4.0)), seed=0)
    assert adapters.set_product(target, mean).overall < 1e-6
    assert adapters.product(CaptionerModule.load(bases / "captioner")) == {}
    with pytest.raises(ValueError, match="products of 0 layers"):
        adapters.set_product(target, {})


def test_trained_states_are_added_by_name(bases, pairs):
    module = GeneratorModule.load(bases / "generator")
    before = adapters.trained_state(module)
    module.fit_pairs(pairs, FitSettings(2, 1e-2, 5), seed=0)
    after = adapters.trained_state(module)
    adapters.set_trained_state(module, adapters.combine([(2.0, after), (-1.0, before)]))
    for name, value in adapters.trained_state(module).items():
        torch.testing.assert_close(value, 2 * after[name] - before[name])
    with pytest.raises(ValueError, match="they differ in"):
        adapters.set_trained_state(module, {"x": torch.zeros(1)})

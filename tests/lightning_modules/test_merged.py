"""Adapters merged for sampling: the same captions and images as far as numbers round, and nothing is left behind."""

import numpy as np
import pytest
import torch

from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.fitting.merged import merged
from lightning_modules.fitting.module import FitModule
from lightning_modules.settings import CaptionDecoding, Execution, FitSettings, ImageDecoding, Lora
from lightning_modules.tiny import captioners, generators
from lightning_modules.weights import shared
from tests.lightning_modules.test_kept_features import six
from tests.lightning_modules.tiny_captioners import images

PROMPTS = ("red dot", "blue box", "green bar")
SEEDS = np.arange(3, dtype=np.uint64)
GENERATORS = ("sd15", "sdxl", "pixart_alpha", "sd3", "flux_dev")
CAPTIONERS = ("blip_2_opt", "git", "vit_gpt2", "llava", "idefics2")
SETTINGS = FitSettings(6, 3e-2, 4, lora=Lora(2, 4.0))


@pytest.fixture
def everywhere(monkeypatch):
    """Merge on a processor too, where the execution says so."""
    wanted = property(lambda module: module.lora is not None and module.execution.merge_adapters)
    monkeypatch.setattr(FitModule, "merges", wanted)


def fitted(name, folder, dtype="float32"):
    if name in GENERATORS:
        generators.make(name).save_pretrained(folder)
        module = GeneratorModule.load(folder, dtype=dtype, size=generators.SIZE)
        pairs = six().with_(images=np.repeat(np.repeat(images(6), 1, 1), 1, 2))
    else:
        captioners.write(name, folder)
        module, pairs = CaptionerModule.load(folder, dtype=dtype), six()
    settings = SETTINGS if dtype == "float32" else FitSettings(6, 3e-2, 4, lora=Lora(2, 4.0), precision="bf16")
    module.fit_pairs(pairs, settings, seed=0)
    return module


def answers(module):
    """The network's own answers, (n, ...) float32, merged where the module merges."""
    with merged(module), torch.no_grad():
        if isinstance(module, GeneratorModule):
            generator = torch.Generator().manual_seed(0)
            noise = torch.randn((3, *module.family.latent_shape(module.size)), generator=generator)
            conditions = module.encoders.conditions(list(PROMPTS))
            with torch.autocast("cpu", torch.bfloat16, enabled=module.loaded_as == "bfloat16"):
                return module.family.answer(noise, torch.full((3,), 500.0), conditions)
        with torch.autocast("cpu", torch.bfloat16, enabled=module.loaded_as == "bfloat16"):
            batch = {"images": torch.from_numpy(images(3)), "labels": module.labels(["a man", "a red dog", "a"])}
            return module.losses(batch)[1]["logits"].float()


def made(module):
    if isinstance(module, GeneratorModule):
        return module.generate(PROMPTS, ImageDecoding(2, 2.0), SEEDS).outputs.astype(int)
    return module.generate(images(3), CaptionDecoding(max_new_tokens=6), SEEDS).outputs


@pytest.mark.parametrize("name", [*GENERATORS, *CAPTIONERS])
def test_merged_or_not_the_answers_are_the_same(name, tmp_path, everywhere):
    module = fitted(name, tmp_path)
    apart, outputs = answers(module), made(module)
    state = {k: v.clone() for k, v in module.state_dict().items()}
    module.execution = Execution(merge_adapters=True)
    with merged(module):
        assert not [m for m in module.trained_part().modules() if hasattr(m, "lora_A")]
    torch.testing.assert_close(answers(module), apart, atol=1e-4, rtol=1e-3)
    if isinstance(module, GeneratorModule):
        assert np.abs(made(module) - outputs).max() <= 1
    else:
        assert made(module) == outputs
    assert state.keys() == module.state_dict().keys()
    assert all(torch.equal(v, state[k]) for k, v in module.state_dict().items())
    module.execution = Execution()
    assert torch.equal(answers(module), apart)


def test_on_a_processor_nothing_is_merged(tmp_path):
    module = fitted("sd15", tmp_path)
    module.execution = Execution(merge_adapters=True)
    assert not module.merges
    with merged(module):
        assert [m for m in module.trained_part().modules() if hasattr(m, "lora_A")]


@pytest.mark.parametrize("name", ["sdxl", "sd3", "blip_2_opt"])
def test_in_bfloat16_merging_rounds_no_worse_than_the_format_does(name, tmp_path, everywhere):
    """Against the same weights in float32: what merging adds is of the size of what bfloat16 loses anyway."""
    module = fitted(name, tmp_path, "bfloat16")
    exact_module = type(module).load(tmp_path)
    if isinstance(module, GeneratorModule):
        exact_module = GeneratorModule.load(tmp_path, size=generators.SIZE)
    exact_module.fit_pairs(six(), FitSettings(0, 1e-2, 4, lora=SETTINGS.lora), 0)
    held = dict(module.named_parameters())
    with torch.no_grad():
        for key, parameter in exact_module.named_parameters():
            parameter.copy_(held[key].float())
    exact, apart = answers(exact_module), answers(module)
    module.execution = Execution(merge_adapters=True)
    together = answers(module)
    assert float((apart - exact).norm()) > 0
    assert float((together - exact).norm()) < 1.5 * float((apart - exact).norm())


def test_a_shared_base_is_not_written_to(tmp_path, everywhere):
    """One model samples merged while another one on the same base is asked."""
    fitted("sd15", tmp_path / "base").save(tmp_path / "adapter")
    with shared.sharing():
        one, other = (GeneratorModule.load(tmp_path / "adapter") for _ in range(2))
    before = answers(other)
    one.execution = Execution(merge_adapters=True)
    with merged(one):
        assert torch.equal(answers(other), before)

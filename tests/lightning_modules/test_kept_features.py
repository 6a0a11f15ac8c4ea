"""What a frozen image encoder makes of an image is kept through a fit, for every family of captioners."""

import numpy as np
import pytest
import torch

from datamodules.pairs import Pairs
from lightning_modules.captioning import captioner as captioning
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.fitting import adapters
from lightning_modules.settings import FitSettings, Lora
from lightning_modules.tiny import captioners
from tests.lightning_modules.tiny_captioners import CAPTIONS, TINY, images

FAMILIES = [name for name in TINY if not name.startswith("blip_2")]
STEPS = 3


@pytest.fixture(params=FAMILIES)
def module(request, tmp_path):
    captioners.write(request.param, tmp_path)
    return CaptionerModule.load(tmp_path)


def six() -> Pairs:
    """Six pairs of three pictures."""
    pictures = images(3)[[0, 1, 0, 2, 1, 0]]
    return Pairs(
        ids=np.arange(6), images=pictures, captions=CAPTIONS[:6], prompts=CAPTIONS[:6], origin=np.zeros(6, int)
    )


def looks(module, monkeypatch, kind, settings):
    """Fit on a device of a kind, as far as the captioner can tell; return how many pictures were looked at, and where."""
    seen = []
    usual = type(module.family).features

    def features(self, pixels):
        seen.append(len(pixels))
        return usual(self, pixels)

    with monkeypatch.context() as patch:
        patch.setattr(type(module.family), "features", features)
        patch.setattr(captioning, "device", lambda: Somewhere(kind))
        module.fit_pairs(six(), settings, seed=0)
    return seen


class Somewhere(str):
    """A processor that calls itself an accelerator."""

    @property
    def type(self):
        return str(self)


def test_under_adapters_every_picture_is_looked_at_once(module, monkeypatch):
    monkeypatch.setattr(CaptionerModule, "to", lambda self, *_: self)
    settings = FitSettings(STEPS, 1e-2, 4, lora=Lora(2, 4.0))
    assert looks(module, monkeypatch, "cuda", settings) == [3]
    kept = adapters.trained_state(module)
    assert not module.keep_features
    again = CaptionerModule.load(module.origin.locate())
    assert looks(again, monkeypatch, "cpu", settings) == [4] * STEPS
    for name, value in adapters.trained_state(again).items():
        torch.testing.assert_close(kept[name], value, atol=2e-4, rtol=2e-2)


def test_what_is_trained_is_looked_at_in_every_step(module, monkeypatch):
    monkeypatch.setattr(CaptionerModule, "to", lambda self, *_: self)
    assert looks(module, monkeypatch, "cuda", FitSettings(STEPS, 1e-3, 4)) == [4] * STEPS


def test_an_adapter_within_the_sight_is_one_too(tmp_path, monkeypatch):
    captioners.write("blip", tmp_path)
    module = CaptionerModule.load(tmp_path)
    monkeypatch.setattr(CaptionerModule, "to", lambda self, *_: self)
    settings = FitSettings(STEPS, 1e-3, 4, lora=Lora(2, 4.0, ("self_attn.qkv", "query")))
    assert looks(module, monkeypatch, "cuda", settings) == [4] * STEPS


def test_features_depend_on_what_a_family_says_they_do(module):
    """With noise on all other parameters they are the same, and with noise on those they are not."""
    with torch.no_grad():
        pixels = module._pixels(images(2))
        before = module.family.features(pixels)
        named = dict(module.model.named_parameters())
        assert all(any(name.startswith(prefix) for name in named) for prefix in module.family.sight)
        for name, parameter in named.items():
            if not name.startswith(module.family.sight):
                parameter.add_(torch.randn_like(parameter))
        assert torch.equal(module.family.features(pixels), before)
        for name, parameter in named.items():
            if name.startswith(module.family.sight):
                parameter.mul_(1.5)
        assert not torch.allclose(module.family.features(pixels), before)

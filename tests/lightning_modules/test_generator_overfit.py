"""Every text-to-image family learns four pairs by heart."""

import numpy as np
import pytest
import torch

from datamodules.pairs import Pairs
from lightning_modules import latents as latent_space
from lightning_modules.generator import GeneratorModule
from lightning_modules.pixels import to_bytes
from lightning_modules.seeds import gaussian, generators
from lightning_modules.settings import FitSettings, ImageDecoding
from tests.lightning_modules.tiny_generators import CAPTIONS, FAMILIES, SIZE, make

torch.set_num_threads(1)
SEEDS = np.arange(4, dtype=np.uint64) + np.uint64(77)


def pairs_of(module):
    """Return four pairs whose images the untrained autoencoder can tell apart: what it makes of four smooth latents."""
    channels, height, width = module.family.latent_shape(module.size)
    coarse = gaussian(generators(SEEDS), (channels, 2, 2))
    smooth = 1.5 * torch.nn.functional.interpolate(coarse, size=(height, width))
    with torch.no_grad():
        images = to_bytes(latent_space.decode(module.networks["vae"], smooth))
    assert images.shape == (4, SIZE, SIZE, 3)
    return Pairs(np.arange(4), images, CAPTIONS, CAPTIONS, np.zeros(4, np.int16)), smooth


@pytest.mark.parametrize("name", FAMILIES)
def test_four_pairs_are_learnt_by_heart(name, tmp_path, monkeypatch):
    make(name).save_pretrained(tmp_path)
    module = GeneratorModule.load(tmp_path, size=FAMILIES[name].size)
    pairs, latents = pairs_of(module)
    # The autoencoder is untrained and knows no way back, so its decoder's input stands for what its encoder would say.
    monkeypatch.setattr(
        module, "_latents", lambda images: latents[[pairs.images.tolist().index(i.tolist()) for i in images]]
    )

    def loss():
        batch = module.encode(np.repeat(pairs.images, 16, 0), np.repeat(CAPTIONS, 16).tolist())
        torch.manual_seed(0)
        with torch.no_grad():
            return float(module.losses(batch, FitSettings(1, 1e-3, 64))[0].mean())

    before = loss()
    module.fit_pairs(pairs, FitSettings(steps=150, learning_rate=3e-3, batch_size=8), seed=0)
    assert loss() < 0.5 * before
    drawn = module.generate(CAPTIONS, ImageDecoding(steps=8, guidance=1.0), SEEDS).outputs
    away = np.abs(drawn[:, None].astype(float) - pairs.images[None].astype(float)).mean(axis=(2, 3, 4))
    others = away + np.diag([np.inf] * 4)
    assert (np.diag(away) < 0.7 * others.min(axis=1)).all(), away

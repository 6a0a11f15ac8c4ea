"""Every text-to-image family learns four pairs by heart."""

import numpy as np
import pytest
import torch

from datamodules.pairs import Pairs
from lightning_modules.diffusion import process
from lightning_modules.inputs import latents as latent_space
from lightning_modules.inputs.pixels import to_bytes
from lightning_modules.seeds import gaussian, streams_of
from lightning_modules.settings import FitSettings, ImageDecoding
from tests.lightning_modules.tiny_generators import CAPTIONS, SIZE, load, make

torch.set_num_threads(1)
# Noise as a target takes longest: near the end of the process the image is a small part of what is asked for.
STEPS = {"sdxl": 250, "sd15": 250, "sd21": 150, "pixart_alpha": 300, "pixart_sigma": 300}
STEPS |= {"sd3": 150, "flux_dev": 150, "flux_schnell": 150}
# Flows learn soonest; the others, which take longest, are fitted by other quick tests too.
QUICK = ("sd3", "flux_dev")


def four_pairs(module):
    """Return four pairs and their latents: images are what the untrained autoencoder makes of smooth latents."""
    channels, height, width = module.family.latent_shape(module.size)
    coarse = gaussian(streams_of([1, 2, 3, 4]), (channels, 2, 2))
    smooth = 1.5 * torch.nn.functional.interpolate(coarse, size=(height, width))
    with torch.no_grad():
        images = to_bytes(latent_space.decode(module.networks["vae"], smooth))
    assert images.shape == (4, SIZE, SIZE, 3)
    return Pairs(np.arange(4), images, CAPTIONS, CAPTIONS, np.zeros(4, np.int16)), smooth


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n not in QUICK)) for n in STEPS])
def test_four_pairs_are_learnt_by_heart(name, tmp_path, monkeypatch):
    make(name).save_pretrained(tmp_path)
    module = load(tmp_path, name)
    pairs, latents = four_pairs(module)
    places = {image.tobytes(): place for place, image in enumerate(pairs.images)}
    # The autoencoder is untrained and knows no way back: what its decoder was given stands for its encoder's answer.
    monkeypatch.setattr(
        module.encoders,
        "seen",
        lambda images, spread: {"latents": latents[[places[image.tobytes()] for image in images]]},
    )
    flow = process.is_flow(module.parts["scheduler"])
    settings = FitSettings(STEPS[name], 1e-2 if flow else 5e-3, batch_size=16, min_snr=0.0 if flow else 0.5)
    batch = module.encode(np.repeat(pairs.images, 16, 0), np.repeat(CAPTIONS, 16).tolist())

    def loss():
        torch.manual_seed(0)  # the same noise and times before and after
        with torch.no_grad():
            return float(module.losses(batch, settings)[0].mean())

    before = loss()
    module.fit_pairs(pairs, settings, seed=0)
    assert loss() < 0.2 * before
    drawn = module.generate(CAPTIONS, ImageDecoding(steps=8, guidance=1.0), np.arange(4, dtype=np.uint64)).outputs
    away = np.abs(drawn[:, None].astype(float) - pairs.images[None].astype(float)).mean(axis=(2, 3, 4))
    others = (away + np.diag([np.inf] * 4)).min(axis=1)
    assert (np.diag(away) < 0.9 * others).all(), np.diag(away) / others

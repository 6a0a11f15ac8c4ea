"""Tiny untrained models on a handful of drawn scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.pairs import Pairs
from datamodules.scenes.dataset import Scenes
from lightning_modules.architectures import (
    autoencoder,
    blip2,
    clip,
    conv_dual,
    dit,
    flow_unet,
    git,
    sdxl_unet,
    vit_gpt2,
)
from lightning_modules.architectures.parts import Given

torch.set_num_threads(1)

CAPTIONERS = {
    "blip2": (blip2, {"width": 24, "vision_layers": 1, "query_layers": 1, "text_layers": 1, "queries": 4, "patch": 8}),
    "git": (git, {"width": 24, "vision_layers": 1, "text_layers": 1, "patch": 8}),
    "vit_gpt2": (vit_gpt2, {"width": 24, "vision_layers": 1, "text_layers": 1, "patch": 8}),
}
GENERATORS = {
    "sdxl_unet": (sdxl_unet, {"channels": (8, 16), "text_width": 16, "text_layers": 2}),
    "flow_unet": (flow_unet, {"channels": (8, 16), "text_width": 16, "text_layers": 1}),
    "dit": (dit, {"width": 24, "layers": 1, "text_width": 16, "text_layers": 1}),
}
JUDGES = {
    "clip": (clip, {"width": 16, "layers": 1, "patch": 8}),
    "conv_dual": (conv_dual, {"channels": (8, 16), "depths": (1, 1), "text_width": 16, "text_layers": 1}),
}


@pytest.fixture(scope="session")
def scenes() -> Scenes:
    return Scenes()


@pytest.fixture(scope="session")
def pairs(scenes: Scenes) -> Pairs:
    index = np.arange(12)
    captions = tuple(six[0] for six in scenes.captions("train", index))
    return Pairs(
        ids=index,
        images=scenes.images("train", index),
        captions=captions,
        prompts=captions,
        origin=np.zeros(12, np.int16),
    )


@pytest.fixture(scope="session")
def siblings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an untrained autoencoder, where generators look for one."""
    folder = tmp_path_factory.mktemp("bases")
    torch.manual_seed(0)
    autoencoder.build(Given((), 32, folder), channels=(8, 8, 8), latents=4).save(folder / "decoder")
    return folder


def make_captioner(name: str, scenes: Scenes, seed: int = 0):
    torch.manual_seed(seed)
    module, options = CAPTIONERS[name]
    return module.build(Given(scenes.vocabulary(), 32, Path()), **options).eval()


def make_generator(name: str, scenes: Scenes, siblings: Path, seed: int = 0):
    """A generator as it is fine-tuned: the text encoders are frozen."""
    torch.manual_seed(seed)
    module, options = GENERATORS[name]
    generator = module.build(Given(scenes.vocabulary(), 32, siblings), **options).eval()
    # Untrained denoisers answer zero here and there; a shake makes them depend on every input.
    for parameter in generator.family.network.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    return generator


def make_judge(name: str, scenes: Scenes):
    torch.manual_seed(0)
    module, options = JUDGES[name]
    return module.build(Given(scenes.vocabulary(), 32, Path()), **options).eval()


def token_likelihoods(captioner, images, captions):
    """Return, per caption, the log-probability of each of its words and of the end, (t_i,) float32."""
    batch = {"images": torch.from_numpy(images), "labels": captioner.labels(captions).to(captioner.device)}
    with torch.no_grad():
        context = captioner.losses(batch)[1]
    rows = zip(-context["token_losses"], context["token_mask"], strict=True)
    return [values[mask].cpu().numpy() for values, mask in rows]

"""Captioner and generator modules on the shipped bases: reload, batches, losses, fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.pairs import Pairs
from datamodules.scenes.dataset import Scenes
from lightning_modules.captioner import CaptionerModule
from lightning_modules.generator import GeneratorModule
from lightning_modules.runner import NonFiniteLoss
from lightning_modules.settings import CaptionDecoding, FitSettings, ImageDecoding
from lightning_modules.train_bases import BASES

SCENES = Scenes()
INDEX = np.arange(6)
IMAGES = SCENES.images("evaluation", INDEX)
CAPTIONS = tuple(six[0] for six in SCENES.captions("evaluation", INDEX))
SEEDS = np.arange(6, dtype=np.uint64) + 11
SAMPLED, DRAWN = CaptionDecoding(temperature=1.0), ImageDecoding(steps=3, guidance=2.0)
CAPTIONERS, GENERATORS = ["blip2", "git", "vit_gpt2"], ["sdxl_unet", "flow_unet", "sd_unet"]
#: Pixel values by which an image may differ between batch sizes: rounding of float32 sums.
TOLERANCE = 2


def pairs(n: int = 6) -> Pairs:
    return Pairs(
        ids=INDEX[:n], images=IMAGES[:n], captions=CAPTIONS[:n], prompts=("",) * n, origin=np.zeros(n, np.int16)
    )


def captioner(name: str) -> CaptionerModule:
    return CaptionerModule.load(BASES / name)


def generator(name: str) -> GeneratorModule:
    return GeneratorModule.load(BASES / name)


def close(a: np.ndarray, b: np.ndarray) -> bool:
    return int(np.abs(a.astype(int) - b.astype(int)).max()) <= TOLERANCE


@pytest.mark.parametrize("name", CAPTIONERS)
def test_captions_do_not_depend_on_the_batch(name: str, tmp_path: Path) -> None:
    module = captioner(name)
    whole = module.generate(IMAGES, SAMPLED, SEEDS)
    assert len(set(whole.outputs)) > 1
    assert whole.network_evaluations == 6
    one_by_one = [module.generate(IMAGES[i : i + 1], SAMPLED, SEEDS[i : i + 1]).outputs[0] for i in INDEX]
    assert one_by_one == whole.outputs
    module.save(tmp_path)
    assert CaptionerModule.load(tmp_path).generate(IMAGES, SAMPLED, SEEDS).outputs == whole.outputs


@pytest.mark.parametrize("name", GENERATORS)
def test_images_do_not_depend_on_the_batch(name: str, tmp_path: Path) -> None:
    module = generator(name)
    whole = module.generate(list(CAPTIONS), DRAWN, SEEDS)
    assert whole.outputs.shape == IMAGES.shape
    assert whole.network_evaluations == 6 * 3 * 2
    parts = [module.generate([CAPTIONS[i]], DRAWN, SEEDS[i : i + 1]).outputs for i in INDEX]
    assert close(np.concatenate(parts), whole.outputs)
    module.save(tmp_path)
    again = GeneratorModule.load(tmp_path).generate(list(CAPTIONS), DRAWN, SEEDS).outputs
    assert np.array_equal(again, whole.outputs)


def test_guidance_one_costs_half() -> None:
    made = generator("sdxl_unet").generate(list(CAPTIONS), ImageDecoding(steps=3, guidance=1.0), SEEDS)
    assert made.network_evaluations == 6 * 3


def test_beams_and_best_of_count_what_they_cost() -> None:
    module = captioner("blip2")
    beams = module.generate(IMAGES, CaptionDecoding(beams=2), SEEDS)
    best = module.generate(IMAGES, CaptionDecoding(temperature=1.0, best_of=3), SEEDS)
    assert beams.network_evaluations == 12
    assert best.network_evaluations == 18
    assert all(beams.outputs)
    assert all(best.outputs)


@pytest.mark.parametrize("name", CAPTIONERS)
def test_loss_is_that_of_words_and_end_alone(name: str) -> None:
    module = captioner(name)
    alone = [float(module.losses(module.encode(IMAGES[i : i + 1], CAPTIONS[i : i + 1]))[0].detach()) for i in INDEX]
    together, context = module.losses(module.encode(IMAGES, CAPTIONS))
    # Captions of other lengths in the batch, and so padding, change nothing.
    assert np.allclose(alone, together.detach().numpy(), atol=1e-5)
    lengths = [len(module.tokenizer(c, add_special_tokens=False)["input_ids"]) + 1 for c in CAPTIONS]
    assert context["token_mask"].sum(1).tolist() == lengths
    by_hand = torch.log_softmax(context["logits"], -1).gather(-1, context["labels"].clamp(min=0)[..., None])[..., 0]
    expected = -(by_hand * context["token_mask"]).sum(1) / context["token_mask"].sum(1)
    assert torch.allclose(expected, together, atol=1e-5)


@pytest.mark.parametrize(("make", "name"), [(captioner, "blip2"), (generator, "flow_unet")])
def test_fits_repeat_and_follow_their_seed(make, name: str) -> None:
    settings = FitSettings(steps=3, batch_size=4, learning_rate=1e-3)

    def fitted(seed: int) -> list[torch.Tensor]:
        module = make(name)
        report = module.fit_pairs(pairs(), settings, seed)
        assert (report.steps, report.samples, len(report.losses)) == (3, 12, 3)
        return [p.detach().clone() for p in module.parameters()]

    first, again, other = fitted(1), fitted(1), fitted(2)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize(("make", "name"), [(captioner, "git"), (generator, "sd_unet")])
def test_a_fit_that_diverges_says_where(make, name: str) -> None:
    with pytest.raises(NonFiniteLoss, match="step"):
        make(name).fit_pairs(pairs(), FitSettings(steps=20, batch_size=4, learning_rate=1e20, gradient_clip=0.0), 0)


def test_captioner_learns_four_pairs() -> None:
    module = captioner("blip2")
    swapped = pairs(4).with_(captions=CAPTIONS[:4][::-1])
    module.fit_pairs(swapped, FitSettings(steps=150, batch_size=4, learning_rate=3e-3), 0)
    assert tuple(module.generate(IMAGES[:4], CaptionDecoding(), SEEDS[:4]).outputs) == swapped.captions


def test_weights_of_zero_are_not_learned() -> None:
    module, silent = captioner("git"), captioner("git")
    settings = FitSettings(steps=2, batch_size=6, learning_rate=1e-3)
    module.fit_pairs(pairs().with_(weights=np.array([1, 1, 1, 0, 0, 0], np.float32)), settings, 0)
    changed = (*CAPTIONS[:3], "a", "b", "c")
    silent.fit_pairs(pairs().with_(captions=changed, weights=np.array([1, 1, 1, 0, 0, 0], np.float32)), settings, 0)
    for a, b in zip(module.parameters(), silent.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)

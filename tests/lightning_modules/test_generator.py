"""Generators: conditions, losses, sampling, seeds, saving."""

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline

from lightning_modules.diffusion import process
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.diffusion.guidance import Steering, guided
from lightning_modules.seeds import gaussian, streams_of
from lightning_modules.settings import FitSettings, ImageDecoding
from tests.lightning_modules.conftest import GENERATORS, make_generator

SEEDS = np.arange(12, dtype=np.uint64) + np.uint64(2**63)
# Sums over batches of other sizes round differently; after a few steps and to bytes that is at most this much.
ROUNDING = 1
DECODING = ImageDecoding(steps=3, guidance=2.0)


@pytest.fixture(params=GENERATORS)
def generator(request, scenes, siblings) -> GeneratorModule:
    return make_generator(request.param, scenes, siblings)


def difference(a, b):
    return np.abs(a.astype(int) - b.astype(int)).max()


def test_a_saved_generator_draws_the_same(generator, pairs, tmp_path):
    generator.save(tmp_path)
    again = GeneratorModule.load(tmp_path)
    first, second = (m.generate(pairs.captions, DECODING, SEEDS).outputs for m in (generator, again))
    assert first.shape == (12, 32, 32, 3)
    assert first.dtype == np.uint8
    assert difference(first, second) <= ROUNDING
    assert len(np.unique(first)) > 10
    assert not list(tmp_path.rglob("*.bin"))


def test_batches_and_shards_do_not_matter(generator, pairs):
    whole = generator.generate(pairs.captions, DECODING, SEEDS).outputs
    generator.batch_size = 5
    assert difference(generator.generate(pairs.captions, DECODING, SEEDS).outputs, whole) <= ROUNDING
    shards = [generator.generate(pairs.captions[p], DECODING, SEEDS[p]).outputs for p in (slice(0, 7), slice(7, 12))]
    assert difference(np.concatenate(shards), whole) <= ROUNDING


def test_each_image_follows_its_own_seed(generator, pairs):
    one = [pairs.captions[0]] * 12
    images = generator.generate(one, DECODING, SEEDS).outputs
    assert len(np.unique(images.reshape(12, -1), axis=0)) == 12
    same = generator.generate(one, DECODING, np.repeat(SEEDS[:1], 12)).outputs
    assert difference(same, np.repeat(images[:1], 12, axis=0)) <= ROUNDING


def test_prompts_matter(generator, pairs):
    seeds = np.repeat(SEEDS[:1], 2)
    images = generator.generate(["a red circle", "a white background"], ImageDecoding(4, 3.0), seeds).outputs
    assert difference(images[0], images[1]) > 0


@pytest.mark.parametrize(("guidance", "expected"), [(1.0, 36), (2.0, 72)])
def test_network_evaluations_are_counted(generator, pairs, guidance, expected):
    decoding = ImageDecoding(3, guidance)
    rows = []
    generator.family.network.register_forward_pre_hook(lambda module, inputs: rows.append(len(inputs[0])))
    made = generator.generate(pairs.captions, decoding, SEEDS)
    assert made.network_evaluations == sum(rows) == expected == 12 * decoding.evaluations


def test_guidance_one_is_the_conditional_model(generator, pairs):
    conditions = generator.encoders.conditions(list(pairs.captions[:2]))
    nothing = {k: v.expand(2, *v.shape[1:]) for k, v in generator.family.nothing().items()}
    config = generator.family.network.config
    latents = torch.randn(2, config.in_channels, config.sample_size, config.sample_size)
    with torch.no_grad():
        alone = guided(generator, latents, torch.tensor(500.0), conditions, nothing, 1.0)
        nearly = guided(generator, latents, torch.tensor(500.0), conditions, nothing, 1.0 + 1e-6)
    torch.testing.assert_close(alone, nearly, atol=1e-4, rtol=1e-3)


def test_equal_seeds_fit_equal_weights(generator, pairs, tmp_path):
    generator.save(tmp_path)
    settings = FitSettings(4, 1e-3, 5, condition_drop=0.3)
    states = []
    for seed in (0, 0, 1):
        module = GeneratorModule.load(tmp_path)
        report = module.fit_pairs(pairs, settings, seed)
        assert report.steps == len(report.losses) == 4
        states.append(torch.cat([p.detach().flatten() for p in module.parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_only_the_denoiser_is_fitted(generator, pairs, tmp_path):
    generator.save(tmp_path)
    module = GeneratorModule.load(tmp_path)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    module.fit_pairs(pairs, FitSettings(2, 1e-2, 4), seed=0)
    changed = {k.split(".")[1] for k, v in module.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {module.family.denoiser}


def test_images_and_texts_are_encoded_once(scenes, siblings, pairs, tmp_path):
    make_generator("sdxl_unet", scenes, siblings).save(tmp_path)
    module, rows = GeneratorModule.load(tmp_path), []
    module.networks["vae"].encoder.register_forward_pre_hook(lambda m, inputs: rows.append(len(inputs[0])))
    twice = pairs.take(np.array([0, 1, 0, 1, 2]))
    data = module.encode(twice.images, twice.captions)
    assert sum(rows) == 3
    assert torch.equal(data["latents"][0], data["latents"][2])
    assert torch.equal(data["states"][1], data["states"][3])
    assert not torch.equal(data["latents"][0], data["latents"][1])


def test_every_condition_dropped_leaves_nothing_of_the_text(scenes, siblings, pairs, tmp_path):
    make_generator("sdxl_unet", scenes, siblings).save(tmp_path)
    losses = []
    for captions in (pairs.captions, tuple(reversed(pairs.captions))):
        module = GeneratorModule.load(tmp_path)
        changed = pairs.with_(captions=captions)
        losses.append(module.fit_pairs(changed, FitSettings(2, 1e-3, 4, condition_drop=1.0), seed=0).losses)
    assert losses[0] == losses[1]


def test_steering(scenes, siblings, pairs):
    generator, other = (make_generator("sdxl_unet", scenes, siblings, seed) for seed in (0, 1))
    plain = generator.generate(pairs.captions, DECODING, SEEDS)
    falling = generator.generate(
        pairs.captions, DECODING, SEEDS, steering=Steering(guidance=lambda i, n: 2.0 if i else 1.0)
    )
    assert falling.network_evaluations == 12 * (1 + 2 + 2)
    assert difference(falling.outputs, plain.outputs) > 0
    pushed = generator.generate(pairs.captions, DECODING, SEEDS, steering=Steering(auxiliary=other, weight=0.5))
    assert pushed.network_evaluations == 2 * plain.network_evaluations
    itself = generator.generate(pairs.captions, DECODING, SEEDS, steering=Steering(auxiliary=generator, weight=0.5))
    assert difference(itself.outputs, plain.outputs) <= ROUNDING


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_targets_lead_back_to_the_latents(prediction):
    from lightning_modules.architectures.parts import diffusion_scheduler

    torch.manual_seed(0)
    latents, noise = torch.randn(4, 2, 3, 3), torch.randn(4, 2, 3, 3)
    scheduler = diffusion_scheduler(prediction)
    noisy, times, target = process.corrupt(scheduler, latents, noise)
    alpha = scheduler.alphas_cumprod[times].view(-1, 1, 1, 1)
    torch.testing.assert_close(noisy, alpha.sqrt() * latents + (1 - alpha).sqrt() * noise, atol=1e-4, rtol=1e-4)
    wanted = {"epsilon": noise, "sample": latents, "v_prediction": alpha.sqrt() * noise - (1 - alpha).sqrt() * latents}
    torch.testing.assert_close(target, wanted[prediction], atol=1e-4, rtol=1e-4)


def test_a_perfect_flow_is_followed_to_its_end(scenes, siblings):
    """Along straight lines Euler steps are exact, whatever their number."""
    scheduler = make_generator("flow_unet", scenes, siblings).parts["scheduler"]
    latents, noise = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    for steps in (1, 7):
        found = process.sample(lambda x, t, i: noise - latents, scheduler, noise, steps, [])
        torch.testing.assert_close(found, latents, atol=2e-2, rtol=1e-2)


def test_one_seed_per_prompt(generator, pairs):
    with pytest.raises(ValueError, match="one seed per prompt"):
        generator.generate(pairs.captions, DECODING, SEEDS[:3])


@pytest.mark.parametrize("name", ["sdxl_unet", "dit"])
def test_diffusers_reads_what_was_saved(name, scenes, siblings, tmp_path):
    """The folder is an ordinary pipeline, and its own sampler draws what ours draws."""
    generator = make_generator(name, scenes, siblings)
    generator.save(tmp_path)
    pipeline = DiffusionPipeline.from_pretrained(tmp_path, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    assert type(pipeline).__name__ == generator.pipeline
    config = generator.family.network.config
    latents = gaussian(streams_of(SEEDS[:1]), (config.in_channels, config.sample_size, config.sample_size))
    options = {"use_resolution_binning": False, "clean_caption": False} if name == "dit" else {}
    options |= {"max_sequence_length": 32} if name == "dit" else {}
    theirs = pipeline(
        "a red circle on white",
        negative_prompt="",
        num_inference_steps=3,
        guidance_scale=2.0,
        latents=latents,
        height=32,
        width=32,
        output_type="np",
        **options,
    ).images
    ours = generator.generate(["a red circle on white"], DECODING, SEEDS[:1]).outputs
    assert difference(np.round(theirs * 255).astype(np.uint8), ours) <= 2 * ROUNDING

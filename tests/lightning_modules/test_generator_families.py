"""Every text-to-image family against diffusers: its training formula, its own pipeline, its folders."""

import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, FluxPipeline
from diffusers.training_utils import compute_loss_weighting_for_sd3, compute_snr

from lightning_modules.diffusion import process
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.settings import FitSettings, ImageDecoding
from lightning_modules.tiny import generators
from lightning_modules.tiny.generators import FAMILIES as BUILDERS
from lightning_modules.tiny.generators import sdxl
from lightning_modules.weights.contents import check_contents
from lightning_modules.weights.sources import MissingModel
from tests.lightning_modules.tiny_generators import (
    CAPTIONS,
    FAMILIES,
    LENGTH,
    SIZE,
    difference,
    draw,
    folders_of,
    load,
    make,
    noise_of,
    opened,
)

torch.set_num_threads(1)
SEEDS = np.arange(4, dtype=np.uint64) + np.uint64(2**63)
# Two ways to the same image round differently before they are rounded to bytes.
ROUNDING = 1
PROMPTS = list(CAPTIONS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return folders_of(tmp_path_factory)


def pictures(n=4):
    return np.random.default_rng(0).integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)


# --- the loss, as diffusers' training scripts compute it


def unet_answer(pipe, noisy, times):
    states = pipe.encode_prompt(PROMPTS, "cpu", 1, False)[0]
    return pipe.unet(noisy, times, states, return_dict=False)[0]


def sdxl_answer(pipe, noisy, times):
    states, _, pooled, _ = pipe.encode_prompt(PROMPTS, do_classifier_free_guidance=False)
    ids = torch.tensor([[SIZE, SIZE, 0, 0, SIZE, SIZE]] * len(noisy), dtype=torch.float32)
    added = {"time_ids": ids, "text_embeds": pooled}
    return pipe.unet(noisy, times, states, added_cond_kwargs=added, return_dict=False)[0]


def pixart_answer(pipe, noisy, times):
    states, mask, _, _ = pipe.encode_prompt(PROMPTS, False, max_sequence_length=LENGTH)
    added = {"resolution": None, "aspect_ratio": None}
    if pipe.transformer.config.sample_size == 128:
        added["resolution"] = torch.tensor([[SIZE, SIZE]] * len(noisy), dtype=torch.float32)
        added["aspect_ratio"] = torch.ones(len(noisy), 1)
    options = {"encoder_hidden_states": states, "encoder_attention_mask": mask, "added_cond_kwargs": added}
    return pipe.transformer(noisy, timestep=times, **options).sample.chunk(2, 1)[0]


def sd3_answer(pipe, noisy, times):
    longest = {} if pipe.text_encoder_3 is None else {"max_sequence_length": LENGTH}
    states, _, pooled, _ = pipe.encode_prompt(PROMPTS, None, None, do_classifier_free_guidance=False, **longest)
    return pipe.transformer(
        hidden_states=noisy,
        timestep=times,
        encoder_hidden_states=states,
        pooled_projections=pooled,
        return_dict=False,
    )[0]


def flux_answer(pipe, noisy, times):
    states, pooled, text_ids = pipe.encode_prompt(PROMPTS, None, max_sequence_length=LENGTH)
    n, channels, height, width = noisy.shape
    packed = FluxPipeline._pack_latents(noisy, n, channels, height, width)
    guidance = torch.full((n,), 3.5) if pipe.transformer.config.guidance_embeds else None
    found = pipe.transformer(
        hidden_states=packed,
        timestep=times / 1000,
        guidance=guidance,
        pooled_projections=pooled,
        encoder_hidden_states=states,
        txt_ids=text_ids,
        img_ids=FluxPipeline._prepare_latent_image_ids(n, height // 2, width // 2, "cpu", torch.float32),
        return_dict=False,
    )[0]
    return FluxPipeline._unpack_latents(found, SIZE, SIZE, pipe.vae_scale_factor)


ANSWERS = {
    "sdxl": sdxl_answer,
    "sd1": unet_answer,
    "sd2": unet_answer,
    "pix": pixart_answer,
    "sd3": sd3_answer,
    "flu": flux_answer,
}


def reference(pipe, name, latents, noise, times, gamma):
    """Return the loss per sample (n,) that diffusers' scripts average."""
    answer = ANSWERS.get(name) or ANSWERS[name[:3]]
    if "FlowMatch" in type(pipe.scheduler).__name__:
        sigmas = (times / 1000).view(-1, 1, 1, 1)
        noisy = (1.0 - sigmas) * latents + sigmas * noise
        weighting = compute_loss_weighting_for_sd3("logit_normal", sigmas)
        error = answer(pipe, noisy, times).float() - (noise - latents).float()
        return (weighting * error**2).reshape(len(latents), -1).mean(1)
    scheduler = DDPMScheduler.from_config(pipe.scheduler.config)
    predicted = answer(pipe, scheduler.add_noise(latents, noise, times), times)
    velocity = scheduler.config.prediction_type == "v_prediction"
    target = scheduler.get_velocity(latents, noise, times) if velocity else noise
    loss = torch.nn.functional.mse_loss(predicted.float(), target.float(), reduction="none").mean(dim=(1, 2, 3))
    if gamma == 0:
        return loss
    snr = compute_snr(scheduler, times)
    weights = torch.stack([snr, gamma * torch.ones_like(times)], dim=1).min(dim=1)[0]
    return loss * weights / (snr + 1 if velocity else snr)


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_losses_are_those_of_diffusers_scripts(name, folders):
    module, pipe = load(folders(name), name), opened(folders(name))
    batch = module.encode(pictures(), CAPTIONS)
    flow = "FlowMatch" in type(pipe.scheduler).__name__
    for gamma in (0.0,) if flow else (0.0, 5.0):
        torch.manual_seed(3)
        losses, context = module.losses(batch, FitSettings(1, 1e-3, 4, min_snr=gamma))
        torch.manual_seed(3)
        noise = torch.randn(batch["latents"].shape)
        expected = reference(pipe, name, batch["latents"], noise, context["times"], gamma)
        torch.testing.assert_close(losses, expected, atol=1e-5, rtol=1e-5)
        assert len(context["times"].unique()) == 4


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_a_floor_of_the_weights_holds_at_the_noisiest_times(kind):
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type=kind, rescale_betas_zero_snr=True)
    times = torch.arange(scheduler.config.num_train_timesteps)
    snr = compute_snr(scheduler, times)
    per_latents = {"epsilon": snr, "v_prediction": snr + 1, "sample": torch.ones_like(snr)}[kind]
    plain, floored = (process.min_snr(scheduler, times, 5.0, floor) for floor in (0.0, 1.0))
    low, known = snr < 1, snr > 0.011
    torch.testing.assert_close(floored[~low], plain[~low])
    torch.testing.assert_close((floored * per_latents)[low & known], torch.ones(int((low & known).sum())))
    assert floored[-1] == {"epsilon": 100.0, "v_prediction": 1.0, "sample": 1.0}[kind], "nothing but noise"
    assert plain[-1] == (1.0 if kind == "epsilon" else 0.0)


@pytest.mark.parametrize("name", ["sd15", "sdxl"])
def test_a_denoiser_that_is_told_the_guidance_scale_is_refused(name, tmp_path, monkeypatch):
    """A consistency model's: compared with the empty prompt it would draw something else, and nobody would see it."""
    plain = generators.unet
    monkeypatch.setattr(generators, "unet", lambda width, **more: plain(width, **more, time_cond_proj_dim=16))
    make(name).save_pretrained(tmp_path)
    said = "has time_cond_proj_dim: it takes the guidance scale as an input"
    with pytest.raises(MissingModel, match=f"'unet/config.json' {said}"):
        check_contents(tmp_path, GeneratorModule.reads, "GeneratorModule")
    with pytest.raises(ValueError, match=f"unet {said}"):
        GeneratorModule.load(tmp_path)


@pytest.mark.parametrize("name", ["sd3", "flux_dev"])
def test_flow_matching_has_no_min_snr(name, folders, monkeypatch):
    module = load(folders(name), name)
    monkeypatch.setattr(module, "encode", lambda *_: pytest.fail("computed before it complained"))
    with pytest.raises(ValueError, match=r"min_snr: 5.0 has no meaning for flow matching .*set it to 0"):
        module.fit_pairs(None, FitSettings(1, 1e-3, 4, min_snr=5.0), seed=0)


@pytest.mark.parametrize(("name", "median"), [("sd3", 0.75), ("flux_dev", 0.5)])
def test_times_of_flow_matching_are_logit_normal_and_shifted(name, median):
    """A constant shift s moves the median to s / (1 + s); one that depends on the size is left to sampling."""
    scheduler = make(name).scheduler
    torch.manual_seed(0)
    n = 20_000
    _, times, _ = process.corrupt(scheduler, torch.zeros(n, 1, 1, 1), torch.zeros(n, 1, 1, 1))
    sigma = times / 1000
    assert abs(float(sigma.median()) - median) < 0.01  # four standard errors
    normal = torch.logit(sigma) - torch.logit(torch.tensor(median))
    assert abs(float(normal.mean())) < 0.03
    assert abs(float(normal.std()) - 1) < 0.03


# --- sampling, as the pipelines do it


@pytest.mark.parametrize("negative", ["", "pink"])
@pytest.mark.parametrize("name", FAMILIES)
def test_images_are_those_of_the_real_pipeline(name, negative, folders):
    module, pipe = load(folders(name), name), opened(folders(name))
    decoding = ImageDecoding(steps=4, guidance=2.5, negative_prompt=negative)
    if negative and module.family.guidance_is_input:
        with pytest.raises(ValueError, match="negative_prompt 'pink' has no place"):
            module.generate(PROMPTS, decoding, SEEDS)
        return
    ours = module.generate(PROMPTS, decoding, SEEDS)
    theirs = draw(name, pipe, PROMPTS, noise_of(module, SEEDS), 4, 2.5, negative)
    assert ours.outputs.shape == (4, SIZE, SIZE, 3)
    assert difference(ours.outputs, theirs) <= ROUNDING
    plain = module.generate(PROMPTS, ImageDecoding(steps=4, guidance=1.0), SEEDS)
    assert difference(ours.outputs, plain.outputs) > ROUNDING  # so that guidance does matter here
    passes = len(pipe.scheduler.timesteps)
    assert plain.network_evaluations == 4 * passes
    assert ours.network_evaluations == 4 * passes * (1 if module.family.guidance_is_input else 2)


@pytest.mark.parametrize("prompt", ["red dot", "Red DOT "])
def test_the_negative_prompt_matters(prompt, folders):
    module = load(folders("pixart_sigma"), "pixart_sigma")
    drawn = [
        module.generate([prompt] * 4, ImageDecoding(4, 4.0, negative_prompt=negative), SEEDS).outputs
        for negative in ("", "red dot", "sky")
    ]
    assert difference(drawn[0], drawn[1]) > ROUNDING
    alone = module.generate(["red dot"] * 4, ImageDecoding(4, 1.0), SEEDS).outputs
    assert difference(drawn[1], alone) <= ROUNDING  # away from oneself is nowhere
    assert difference(drawn[2], drawn[1]) > ROUNDING


def test_statistics_of_the_latents_are_used_both_ways(tmp_path):
    pipe = sdxl(latents_mean=(0.3, -0.2, 0.1, 0.0), latents_std=(1.5, 0.5, 0.8, 1.2))
    pipe.set_progress_bar_config(disable=True)
    pipe.save_pretrained(tmp_path)
    module = GeneratorModule.load(tmp_path)
    ours = module.generate(PROMPTS, ImageDecoding(3, 2.0), SEEDS).outputs
    assert difference(ours, draw("sdxl", pipe, PROMPTS, noise_of(module, SEEDS), 3, 2.0)) <= ROUNDING
    pixels = torch.from_numpy(pictures()).permute(0, 3, 1, 2) / 127.5 - 1
    mean, deviation = torch.tensor([0.3, -0.2, 0.1, 0.0]), torch.tensor([1.5, 0.5, 0.8, 1.2])
    with torch.no_grad():
        raw = pipe.vae.encode(pixels).latent_dist.mode()
    expected = (raw - mean.view(1, 4, 1, 1)) * 0.9 / deviation.view(1, 4, 1, 1)
    torch.testing.assert_close(module.encode(pictures(), CAPTIONS)["latents"], expected, atol=1e-5, rtol=1e-5)


# --- seeds


@pytest.mark.parametrize("name", FAMILIES)
def test_batches_and_shards_do_not_matter(name, folders):
    module = load(folders(name), name)
    flow = "FlowMatch" in type(module.parts["scheduler"]).__name__
    stochastic = "FlowMatchLCMScheduler" if flow else "EulerAncestralDiscreteScheduler"
    for scheduler in ("", stochastic):
        decoding = ImageDecoding(3, 2.0, scheduler=scheduler)
        whole = module.generate(PROMPTS, decoding, SEEDS).outputs
        module.batch_size = 3
        assert difference(module.generate(PROMPTS, decoding, SEEDS).outputs, whole) <= ROUNDING
        shards = [module.generate([PROMPTS[i]], decoding, SEEDS[i : i + 1]).outputs for i in range(4)]
        assert difference(np.concatenate(shards), whole) <= ROUNDING
        other = module.generate(PROMPTS, decoding, SEEDS + np.uint64(9)).outputs
        assert difference(other, whole) > ROUNDING


# --- folders


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_saved_opens_in_both(name, folders, tmp_path):
    module = load(folders(name), name)
    decoding = ImageDecoding(3, 2.0)
    before = module.generate(PROMPTS, decoding, SEEDS).outputs
    module.save(tmp_path)
    again = GeneratorModule.load(tmp_path)
    assert again.size == FAMILIES[name].size
    assert np.array_equal(again.generate(PROMPTS, decoding, SEEDS).outputs, before)
    pipe = opened(tmp_path)
    assert type(pipe).__name__ == module.pipeline
    assert difference(draw(name, pipe, PROMPTS, noise_of(module, SEEDS), 3, 2.0), before) <= ROUNDING
    assert not [*tmp_path.rglob("*.bin"), *tmp_path.rglob("*.pt")]


def test_half_precision_weights_are_read_where_there_are_no_others(tmp_path):
    pipe = make("sdxl").to(torch.float16)
    pipe.save_pretrained(tmp_path, variant="fp16")
    assert not (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").exists()
    module = GeneratorModule.load(tmp_path)
    assert {p.dtype for p in module.parameters()} == {torch.float32}
    torch.testing.assert_close(module.networks["unet"].conv_in.weight, pipe.unet.conv_in.weight.float())


def test_an_autoencoder_that_overflows_in_float16_is_brought_to_float32():
    pipe = make("sdxl").to(torch.float16)
    module = GeneratorModule("StableDiffusionXLPipeline", pipe.components)
    assert module.networks["vae"].dtype == torch.float32
    assert module.networks["unet"].dtype == torch.float16


def test_parts_that_play_no_role_are_passed_over(folders, tmp_path):
    shutil.copytree(folders("sd15"), tmp_path, dirs_exist_ok=True)
    index = json.loads((tmp_path / "model_index.json").read_text())
    index |= {"safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]}
    index |= {"feature_extractor": ["transformers", "CLIPImageProcessor"], "requires_safety_checker": True}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    module = GeneratorModule.load(tmp_path)
    assert module.parts["safety_checker"] is None
    module.save(tmp_path / "saved")
    assert opened(tmp_path / "saved").safety_checker is None


def test_a_pipeline_without_a_family_is_named(folders, tmp_path):
    index = json.loads((folders("sd15") / "model_index.json").read_text()) | {"_class_name": "KandinskyPipeline"}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match=r"'KandinskyPipeline': add lightning_modules/families/kandinsky.py"):
        GeneratorModule.load(tmp_path)


def test_a_size_that_images_cannot_have(folders):
    with pytest.raises(ValueError, match="size: images of 15 pixels are not possible, a multiple of 4 is"):
        GeneratorModule.load(folders("sd3"), size=15)


def test_a_size_of_ones_own(folders):
    module = GeneratorModule.load(folders("sdxl"), size=24)
    assert module.generate(PROMPTS[:1], ImageDecoding(2, 1.0), SEEDS[:1]).outputs.shape == (1, 24, 24, 3)
    assert module.generate([], ImageDecoding(2, 1.0), SEEDS[:0]).outputs.shape == (0, 24, 24, 3)


# --- what the families say about themselves


@pytest.mark.parametrize(
    ("name", "longest"), [("pixart_alpha", 120), ("pixart_sigma", 300), ("sd3", 256), ("flux_dev", 512)]
)
def test_prompts_are_as_long_as_the_pipelines_take_them(name, longest, tmp_path):
    """Published T5 tokenizers allow more than the models were trained with."""
    pipe = BUILDERS[name](longest=1024)
    pipe.save_pretrained(tmp_path)
    module = load(tmp_path, name)
    encoder = next(iter(module.family.lengths)).removeprefix("text_encoder")
    assert module.family.tokens(PROMPTS)["ids" + encoder].shape == (4, longest)
    if name in ("sd3", "flux_dev"):
        prompts = {"prompt": PROMPTS, "prompt_2": None} | ({"prompt_3": None} if name == "sd3" else {})
        states = pipe.encode_prompt(**prompts)[0]
    else:
        states = pipe.encode_prompt(PROMPTS)[0]
    torch.testing.assert_close(module.encoders.conditions(PROMPTS)["states"], states, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", FAMILIES)
def test_usual_adapter_targets_are_layers_of_the_denoiser(name, folders):
    module = load(folders(name), name)
    linear = [n for n, m in module.family.network.named_modules() if isinstance(m, torch.nn.Linear)]
    for target in module.family.lora_targets:
        assert [n for n in linear if n.endswith("." + target)], target


@pytest.mark.parametrize("name", FAMILIES)
def test_half_precision_denoisers_learn_and_draw(name, folders):
    """Losses and sampling stay float32 whatever the weights are."""
    module = load(folders(name), name)
    exact = module.generate(PROMPTS, ImageDecoding(3, 2.0), SEEDS).outputs.astype(float)
    module.encoders.cache.clear()
    for network in module.networks.values():
        network.to(torch.bfloat16)
    batch = module.encode(pictures(), CAPTIONS)
    assert batch["states"].dtype == torch.bfloat16
    assert batch["latents"].dtype == torch.float32
    losses, _ = module.losses(batch, FitSettings(1, 1e-3, 4))
    losses.mean().backward()
    assert losses.dtype == torch.float32
    assert torch.isfinite(losses).all()
    rough = module.generate(PROMPTS, ImageDecoding(3, 2.0), SEEDS).outputs.astype(float)
    assert np.abs(rough - exact).mean() < 0.2 * exact.std()

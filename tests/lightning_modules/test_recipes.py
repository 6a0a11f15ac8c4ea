"""What the official recipes do otherwise than ours, where it can be asked for: each against its own definition."""

import numpy as np
import pytest
import torch
from torch import nn

from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.diffusion.process import process_of
from lightning_modules.fitting import adapters
from lightning_modules.fitting.objectives import weighted_mean
from lightning_modules.inputs import latents as latent_space
from lightning_modules.inputs.pixels import to_unit
from lightning_modules.settings import Execution, FitSettings, Lora
from lightning_modules.tiny import captioners, generators
from tests.lightning_modules.test_kept_features import six
from tests.lightning_modules.tiny_captioners import images

USUAL = FitSettings(1, 1e-2, 4)


def settings(**given):
    return FitSettings(3, 1e-2, 4, **given)


def generator(name="sdxl", **options):
    pipeline = generators.make(name)
    told = {k: v for k, v in pipeline.config.items() if isinstance(v, bool)}
    return GeneratorModule(type(pipeline).__name__, pipeline.components, told, size=generators.SIZE, **options)


def pairs():
    return six().with_(images=np.repeat(np.repeat(images(6), 1, 1), 1, 2))


def losses_of(module, wanted, seed=0):
    """Losses and context of one batch, with the random numbers of a seed."""
    rows = module.fit_rows(pairs(), wanted)
    torch.manual_seed(seed)
    batch = {**rows, **module.draw(rows, wanted)}
    with torch.no_grad():
        return module.losses(batch, wanted), batch


# --- adapters


@pytest.mark.parametrize("rank", [2, 8])
def test_a_gaussian_start_is_as_wide_as_diffusers_draws_it(rank):
    """N(0, 1 / rank^2) for the first factor, zero for the second, so that nothing changes yet."""
    module = generator()
    module.fit_pairs(pairs(), FitSettings(0, 1e-2, 4, lora=Lora(rank, 4.0), lora_start="gaussian"), seed=3)
    factors = adapters.trained_state(module)
    first = torch.cat([v.flatten() for k, v in factors.items() if "lora_A" in k])
    assert float(first.std()) == pytest.approx(1 / rank, rel=0.05)
    assert float(first.abs().max()) > 2.5 / rank, "it is not uniform"
    assert not any(v.any() for k, v in factors.items() if "lora_B" in k)
    assert module.trained_part().peft_config["default"].init_lora_weights == "gaussian"


def test_a_start_follows_from_the_seed_and_is_one_of_a_new_adapter_alone(tmp_path):
    captioners.write("blip_2_opt", tmp_path)
    wanted, states = settings(lora=Lora(2, 4.0), lora_start="gaussian"), []
    for seed in (1, 1, 2):
        module = CaptionerModule.load(tmp_path)
        module.fit_pairs(six(), wanted, seed)
        states.append(adapters.trained_state(module))
    assert all(torch.equal(v, states[1][k]) for k, v in states[0].items())
    assert not all(torch.equal(v, states[2][k]) for k, v in states[0].items())
    before = adapters.trained_state(module)
    module.fit_pairs(six(), FitSettings(0, 1e-2, 4, lora=Lora(2, 4.0), lora_start="gaussian"), 9)
    assert all(torch.equal(v, before[k]) for k, v in adapters.trained_state(module).items()), "it is continued"


# --- the optimizer


def test_the_optimizer_is_adamw_with_the_numbers_of_the_scripts():
    module, found = generator(), []
    usual = type(module).configure_optimizers

    class Watched(type(module)):
        def configure_optimizers(self):
            made = usual(self)
            found.append(made["optimizer"])
            return made

    module.__class__ = Watched
    for decay in (0.0, 0.01):
        module.fit_pairs(pairs(), settings(weight_decay=decay), 0)
    for optimizer, decay in zip(found, (0.0, 0.01), strict=True):
        assert isinstance(optimizer, torch.optim.AdamW)
        (group,) = optimizer.param_groups
        assert (group["betas"], group["eps"], group["weight_decay"]) == ((0.9, 0.999), 1e-8, decay)
        assert group["lr"] == 1e-2
        assert {p.dtype for p in group["params"]} == {torch.float32}


# --- latents


def test_sampled_latents_are_the_autoencoder_s_own():
    """Of many draws, mean and standard deviation are those of its distribution; the mode is the mean."""
    module, wanted = generator(), settings(latents="sample")
    rows, scale = module.fit_rows(pairs(), wanted), module.parts["vae"].config.scaling_factor
    with torch.no_grad():
        posterior = module.parts["vae"].encode(to_unit(pairs().images)).latent_dist
    torch.testing.assert_close(rows["latents"], posterior.mean * scale, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(rows["spread"], posterior.std * scale, atol=1e-5, rtol=1e-4)
    torch.manual_seed(0)
    found = torch.stack([latents_of(module, module.draw(rows, wanted)) for _ in range(400)])
    off = (found.mean(0) - rows["latents"]) / (rows["spread"] / 20)  # in standard errors
    assert float(off.std()) == pytest.approx(1, abs=0.1)
    assert float(off.abs().max()) < 5
    assert float((found.std(0) / rows["spread"]).mean()) == pytest.approx(1, abs=0.02)
    usual = module.fit_rows(pairs(), USUAL)
    assert torch.equal(rows["latents"], usual["latents"])
    assert "spread" not in usual


def latents_of(module, drawn):
    """What was noised: the target of an epsilon model is the noise, so the latents are what is left."""
    kept = process_of(module.parts["scheduler"]).alphas_cumprod[drawn["times"]].view(-1, 1, 1, 1)
    return (drawn["noisy"] - (1 - kept).sqrt() * drawn["target"]) / kept.sqrt()


def test_without_sampling_an_image_has_one_latent():
    module = generator()
    rows = module.fit_rows(pairs(), USUAL)
    with torch.no_grad():
        expected = latent_space.encode(module.parts["vae"], to_unit(pairs().images))
    torch.testing.assert_close(rows["latents"], expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(latents_of(module, module.draw(rows, USUAL)), rows["latents"], atol=2e-2, rtol=2e-2)


# --- flow matching


def test_flow_times_are_logit_normal_or_uniform_as_asked():
    """Stable Diffusion 3 shifts both by its constant; undone, one is uniform and the other logit-normal."""
    module = generator("sd3")
    config = module.parts["scheduler"].config
    rows = {"latents": torch.zeros(4000, 1, 1, 1)}
    found = {}
    for name in ("logit_normal", "uniform"):
        torch.manual_seed(0)
        sigma = module.draw(rows, settings(flow_times=name))["times"].double() / config.num_train_timesteps
        found[name] = sigma / (config.shift - (config.shift - 1) * sigma)
    assert float(found["uniform"].mean()) == pytest.approx(0.5, abs=0.02)
    assert float(found["uniform"].std()) == pytest.approx(12**-0.5, abs=0.02)
    logits = torch.logit(found["logit_normal"])
    assert float(logits.mean()) == pytest.approx(0, abs=0.06)
    assert float(logits.std()) == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("name", ["sd3", "flux_dev"])
def test_an_error_of_the_latents_is_that_of_what_the_velocity_says_they_are(name):
    """diffusers' script for SD3 compares noisy - sigma velocity with the latents (`precondition_outputs`)."""
    module = generator(name)
    (plain, context), batch = losses_of(module, settings())
    (found, _), _ = losses_of(module, settings(flow_error="latents"))
    sigma = (batch["times"] / module.parts["scheduler"].config.num_train_timesteps).view(-1, 1, 1, 1)
    said = batch["noisy"] - sigma * context["prediction"]
    expected = (said - batch["latents"]).square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-3)
    assert not torch.allclose(found, plain)


@pytest.mark.parametrize(
    ("given", "words"),
    [({"flow_times": "uniform"}, "flow_times: uniform"), ({"flow_error": "latents"}, "flow_error: latents")],
)
def test_flow_settings_of_another_process_are_refused(given, words):
    with pytest.raises(ValueError, match=f"{words} has a meaning for flow matching alone"):
        generator().fit_pairs(pairs(), settings(**given), 0)


# --- the loss of captions


@pytest.fixture
def captioner(tmp_path):
    captioners.write("blip_2_opt", tmp_path)
    return CaptionerModule.load(tmp_path)


def test_a_mean_over_the_tokens_of_a_batch_is_the_library_s(captioner):
    """Long captions count more there, and with weights on pairs a token counts as much as its pair."""
    (losses, context), batch = losses_of(captioner, settings(token_mean="batch"))
    tokens, mask = context["token_losses"], context["token_mask"]
    assert len(set(mask.sum(1).tolist())) > 1
    expected = tokens.sum() / mask.sum()
    torch.testing.assert_close(weighted_mean(losses, batch), expected)
    (plain, _), _ = losses_of(captioner, settings())
    torch.testing.assert_close(weighted_mean(plain, batch), (tokens.sum(1) / mask.sum(1)).mean())
    batch["weights"] = torch.tensor([1.0, 0.0, 2.0, 1.0, 1.0, 3.0])
    again = {**batch, **captioner.draw(batch, settings(token_mean="batch"))}
    with torch.no_grad():
        weighted = weighted_mean(captioner.losses(again)[0], again)
    rows = batch["weights"][:, None]
    torch.testing.assert_close(weighted, (tokens * rows).sum() / (mask * rows).sum())


def test_a_mean_over_the_batch_is_the_same_in_pieces(captioner, tmp_path):
    states = []
    for micro in (0, 1):
        module = CaptionerModule.load(captioner.origin.locate())
        module.execution = Execution(micro_batch=micro)
        module.fit_pairs(six(), settings(token_mean="batch", lora=Lora(2, 4.0)), 0)
        states.append(adapters.trained_state(module))
    for name, value in states[0].items():
        torch.testing.assert_close(states[1][name], value, atol=1e-4, rtol=1e-2)


# --- dropout


@pytest.mark.parametrize("name", ["blip_2_opt", "git"])
def test_a_fit_drops_nothing_out(name, tmp_path):
    """Also where a model's configuration has dropout, as BLIP, GIT and OPT were published with."""
    captioners.write(name, tmp_path)
    states = []
    for share in (0.0, 0.5):
        module = CaptionerModule.load(tmp_path)
        for layer in module.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = share
            if isinstance(getattr(layer, "dropout", None), float):
                layer.dropout = share
        module.fit_pairs(six(), settings(), 0)
        assert not any(layer.training for layer in module.modules())
        states.append({k: v.clone() for k, v in module.state_dict().items()})
    assert all(torch.equal(v, states[1][k]) for k, v in states[0].items())


@pytest.mark.parametrize(
    "given",
    [
        {"lora_start": "zeros"},
        {"latents": "mean"},
        {"flow_times": "mode"},
        {"flow_error": "noise"},
        {"token_mean": "all"},
    ],
)
def test_other_words_are_refused(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))} must be '"):
        settings(**given)

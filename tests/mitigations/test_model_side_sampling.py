"""Samples of lower guidance, ReDiFine, annealed truncation and SIMS against samplers written by hand, and what they cost."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from benchmarks.mitigations.annealed_truncation import AnnealedTruncation
from benchmarks.mitigations.lower_guidance import LowerGuidance
from benchmarks.mitigations.redifine import Decaying, ReDiFine
from benchmarks.mitigations.sims import Away, Sims
from benchmarks.study.loading import ROOT
from lightning_modules.inputs import latents as latent_space
from lightning_modules.inputs.pixels import to_bytes
from lightning_modules.seeds import gaussian, streams_of
from lightning_modules.settings import ImageDecoding
from tests.mitigations.model_side import Facts, holds_only_with, pairs, settings, tiny, trained

SEEDS = np.arange(4, dtype=np.uint64) + np.uint64(2**63)
PROMPTS = list(pairs().captions[:4])
NAMES = ["sdxl_unet", "flow_unet", "dit"]
STEPS, OWN = 4, 3.0


@torch.no_grad()
def by_hand(model, mix, steps=STEPS):
    """Draw with the model's scheduler in so many steps; `mix(score, step)` makes a step's answer out of single evaluations.

    `score(network, empty)` evaluates a model at the latents and time of the step, on the prompts or the empty prompt.
    """
    scheduler = type(model.parts["scheduler"]).from_config(model.parts["scheduler"].config)
    sigmas = model.family.sigmas(steps)
    scheduler.set_timesteps(steps, **({} if sigmas is None else {"sigmas": sigmas}))
    latents = gaussian(streams_of(SEEDS), model.family.latent_shape(model.size))
    latents = latents * float(getattr(scheduler, "init_noise_sigma", 1.0))
    conditions = model.encoders.conditions(PROMPTS)
    nothing = {k: v.expand(len(PROMPTS), *v.shape[1:]) for k, v in model.encoders.nothing().items()}
    for step, time in enumerate(scheduler.timesteps):
        noisy = scheduler.scale_model_input(latents, time) if hasattr(scheduler, "scale_model_input") else latents

        def score(network, empty, noisy=noisy, time=time):
            return network.family.answer(noisy, time.expand(len(noisy)), nothing if empty else conditions)

        latents = scheduler.step(mix(score, step), time, latents, return_dict=False)[0]
    return to_bytes(latent_space.decode(model.networks["vae"], latents))


def guided(score, network, scale):
    return score(network, True) + scale * (score(network, False) - score(network, True))


def drawn(method, model, **facts):
    """Draw as the engine does: with the decoding that the hook returns, or by it."""
    own = ImageDecoding(STEPS, OWN)
    decoding = method.sampling(Facts(**{"decoding": own, "modality": "generator", "iteration": 2, **facts}))
    if hasattr(decoding, "generate"):
        return decoding.generate(model, PROMPTS, own, SEEDS)
    return model.generate(PROMPTS, decoding, SEEDS)


def near(found, wanted):
    assert np.abs(found.astype(int) - wanted.astype(int)).max() <= 1  # rounding: evaluations are batched otherwise


@pytest.mark.parametrize("name", NAMES)
def test_lower_guidance(name):
    model = tiny("generator", name)

    def check(method):
        made = drawn(method, model)
        near(made.outputs, by_hand(model, lambda score, step: guided(score, model, method.scale)))
        assert made.network_evaluations == 2 * STEPS * len(PROMPTS)

    holds_only_with("sampling", check, LowerGuidance(scale=1.5))


def test_lower_guidance_at_1_costs_half_and_never_raises_the_loops_own():
    model = tiny("generator")
    assert drawn(LowerGuidance(1.0), model).network_evaluations == STEPS * len(PROMPTS)
    assert LowerGuidance(7.5).sampling(Facts(decoding=ImageDecoding(STEPS, OWN))).guidance == OWN


@pytest.mark.parametrize("name", NAMES)
def test_redifine_lets_guidance_fall_to_its_end(name):
    model = tiny("generator", name)
    scales = [3.0, 3.0 - 2 / 3, 3.0 - 4 / 3, 1.0]

    def check(method):
        made = drawn(method, model)
        near(made.outputs, by_hand(model, lambda score, step: guided(score, model, scales[step])))
        assert made.network_evaluations == (2 * (STEPS - 1) + 1) * len(PROMPTS)

    holds_only_with("sampling", check, ReDiFine(end=1.0))


def test_the_schedule_at_its_edges():
    schedule = Decaying(1.0)
    assert schedule.scale(4.0, 0, 1) == 4.0
    assert schedule.scale(4.0, 9, 5) == 1.0
    assert [schedule.scale(0.5, i, 3) for i in range(3)] == [0.5] * 3


@pytest.mark.parametrize("name", NAMES)
def test_annealed_truncation_takes_more_steps_in_every_round(name):
    model = tiny("generator", name)

    def check(method):
        for t, steps in ((1, STEPS), (2, round(STEPS * 2**1.5)), (3, round(STEPS * 3**1.5))):
            made = drawn(method, model, iteration=t)
            near(made.outputs, by_hand(model, lambda score, step: guided(score, model, OWN), steps))
            assert made.network_evaluations == 2 * steps * len(PROMPTS)

    holds_only_with("sampling", check, AnnealedTruncation(rate=1.5))


def test_the_last_time_of_the_shipped_sampler_shrinks_to_0_over_the_rounds():
    """The noise that is left when the last step begins: 1 / (10 t) of the process in round t."""
    config = json.loads((ROOT / "lightning_modules/bases/scenes/sdxl_unet/scheduler/scheduler_config.json").read_text())
    assert config["_class_name"] == "DDIMScheduler"
    scheduler, own = DDIMScheduler.from_config(config), ImageDecoding(10, OWN)
    left = []
    for t in range(1, 11):
        scheduler.set_timesteps(AnnealedTruncation().sampling(Facts(decoding=own, iteration=t)).steps)
        left.append(int(scheduler.timesteps[-1]) + 1)
    assert left == [round(100 / t) for t in range(1, 11)]


def test_annealed_truncation_changes_nothing_but_the_steps():
    own = ImageDecoding(STEPS, OWN, negative_prompt="nothing")
    assert AnnealedTruncation().sampling(Facts(decoding=own, iteration=3)) == replace(own, steps=3 * STEPS)


@pytest.mark.parametrize("name", NAMES)
def test_sims_mixes_scores_exactly_at_twice_the_evaluations(name):
    model, away = tiny("generator", name), tiny("generator", name)
    away.fit_pairs(pairs(), settings(), 0)
    plain = model.generate(PROMPTS, ImageDecoding(STEPS, OWN), SEEDS)

    def check(method):
        made = drawn(method, model, auxiliary={"generator": away})

        def mix(score, step):
            return (1 + method.weight) * guided(score, model, OWN) - method.weight * guided(score, away, OWN)

        near(made.outputs, by_hand(model, mix))
        assert made.network_evaluations == 2 * plain.network_evaluations
        assert np.abs(made.outputs.astype(int) - plain.outputs.astype(int)).max() > 1

    holds_only_with("sampling", check, Sims(weight=0.5))


def test_sims_trains_its_auxiliary_from_the_live_model_on_the_pool():
    live = trained("generator")
    ctx = Facts(
        settings=settings(4),
        seed=5,
        pool=pairs(),
        progress=None,
        fresh=lambda name: {"fitted": trained}[name]("generator"),
    )
    wanted = trained("generator")
    wanted.fit_pairs(pairs(), settings(2), 5)

    def check(method):
        made = method.auxiliary(ctx)
        assert isinstance(made, tuple)
        model, report = made
        assert report.steps == 2
        for (name, own), other in zip(model.named_parameters(), wanted.parameters(), strict=True):
            assert torch.equal(own, other), name
        assert any(not torch.equal(p, q) for p, q in zip(model.parameters(), live.parameters(), strict=True))

    holds_only_with("auxiliary", check, Sims(weight=0.5, budget=0.5))


def test_sims_draws_the_first_set_plainly_and_refuses_another_architecture():
    own = ImageDecoding(STEPS, OWN)
    assert Sims().sampling(Facts(decoding=own, auxiliary={})) == own
    with pytest.raises(ValueError, match="differ in architecture; allowed: scenarios with one generator"):
        Away(tiny("generator", "flow_unet"), 0.5).generate(tiny("generator", "dit"), PROMPTS, own, SEEDS)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: LowerGuidance(-1), "scale: found -1; allowed: a number of 1 or more"),
        (lambda: ReDiFine(float("inf")), "end: found inf; allowed: a number of 1 or more"),
        (lambda: AnnealedTruncation(0), "rate: found 0; allowed: a number above 0"),
        (lambda: Sims(0), "weight: found 0; allowed: a number above 0"),
        (lambda: Sims(1, 0), "budget: found 0; allowed: a number above 0"),
    ],
)
def test_knobs_are_checked(make, said):
    with pytest.raises(ValueError, match=said):
        make()

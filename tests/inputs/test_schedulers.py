"""A scheduler that is chosen does what the model's own process asks, whatever its class does by default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from lightning_modules.diffusion import process, samplers
from lightning_modules.settings import ImageDecoding
from lightning_modules.weights.quiet import quiet
from tests.lightning_modules.tiny_generators import CAPTIONS, difference, folders_of, load

torch.set_num_threads(1)

PREDICTIONS = ("epsilon", "v_prediction", "sample")
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
#: Models' own schedulers as published, none of which says anything of clipping.
OWN: dict[str, tuple[str, dict[str, Any]]] = {
    "pndm": ("PNDMScheduler", {**BETAS, "skip_prk_steps": True, "set_alpha_to_one": False, "steps_offset": 1}),
    "euler": ("EulerDiscreteScheduler", {**BETAS, "timestep_spacing": "leading", "steps_offset": 1}),
    "dpm": ("DPMSolverMultistepScheduler", {"beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02}),
    "ddim": ("DDIMScheduler", BETAS),
    "zero": ("EulerDiscreteScheduler", {**BETAS, "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}),
}
NAMES = sorted(name for name in dir(diffusers) if name.endswith("Scheduler"))
#: What takes a second to make; the slow tests try these too.
HEAVY = ("KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "BlockRefinementScheduler")


def own_of(name: str, **more: Any) -> Any:
    kind, settings = OWN[name]
    return getattr(diffusers, kind).from_config({**settings, **more})


def error(own: Any, scheduler: Any, steps: int, far: float) -> float:
    """Return how far a perfect denoiser ends from the latents it has in mind, on average."""
    wanted = far * (2 * torch.rand((1, 1, 8, 8), generator=torch.Generator().manual_seed(1)) - 1)
    stream, answer = torch.Generator().manual_seed(2), samplers._perfect(own, wanted, [])
    noise = torch.randn(wanted.shape, generator=stream)
    with quiet():
        found = process.sample(answer, scheduler, noise, steps, [stream], 16, None)
    return float((found - wanted).abs().mean())


def fault(own: Any, name: str, steps: int) -> str:
    return samplers._tried(own, name, steps, 16, None)[1]


def accepted(own: Any, steps: int, names: Any) -> dict[str, Any]:
    found = {name: samplers._tried(own, name, steps, 16, None)[0] for name in names}
    return {name: scheduler for name, scheduler in found.items() if scheduler is not None}


def check(own: Any, steps: int, names: Any) -> None:
    found = accepted(own, steps, names)
    assert {"DPMSolverMultistepScheduler", "UniPCMultistepScheduler"} <= set(found)
    if steps > 2:
        assert {"DDPMScheduler", "EulerDiscreteScheduler"} <= set(found)
    for scheduler in found.values():
        for far in (0.5, 5.0):
            assert error(own, scheduler, steps, far) < 0.05, type(scheduler).__name__


CASES = [("pndm", "epsilon", 4), ("euler", "v_prediction", 3), ("dpm", "sample", 3)]


@pytest.mark.parametrize(("name", "kind", "steps"), CASES)
def test_every_scheduler_that_is_accepted_reaches_large_latents(name, kind, steps):
    check(own_of(name, prediction_type=kind), steps, [name for name in NAMES if name not in HEAVY])


EVERY = [(name, kind) for name in OWN for kind in PREDICTIONS if (name, kind) != ("zero", "epsilon")]  # 0 / 0


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 2, 8, 25])
@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_so_does_every_scheduler_of_every_process(name, kind, steps):
    check(own_of(name, prediction_type=kind), steps, NAMES)


@pytest.mark.parametrize("shifting", [{"shift": 3.0}, {"shift": 3.0, "use_dynamic_shifting": True}])
def test_so_does_every_one_of_a_flow(shifting):
    own = diffusers.FlowMatchEulerDiscreteScheduler(**shifting)
    found = accepted(own, 4, [name for name in NAMES if name not in HEAVY])
    assert {"DPMSolverMultistepScheduler", "FlowMatchHeunDiscreteScheduler"} <= set(found)
    assert all(error(own, scheduler, 4, 5.0) < 0.05 for scheduler in found.values())


@pytest.mark.parametrize("scheduler", ["DDIMScheduler", "DDPMScheduler", "DDIMParallelScheduler", "TCDScheduler"])
@pytest.mark.parametrize("name", ["pndm", "dpm"])
def test_a_class_default_brings_no_clipping(name, scheduler):
    made = samplers.chosen(own_of(name), scheduler, 8)
    assert not made.config.clip_sample
    assert not made.config.thresholding


@pytest.mark.parametrize(
    ("name", "settings", "scheduler"),
    [
        ("pndm", {"clip_sample": True}, "DDIMScheduler"),
        ("ddim", {"clip_sample": True, "clip_sample_range": 2.0}, "DDPMScheduler"),
        ("dpm", {"thresholding": True}, "DDIMScheduler"),
        ("euler", {"thresholding": True, "sample_max_value": 3.0}, "DPMSolverMultistepScheduler"),
        ("ddim", {}, "DDIMScheduler"),  # the class that clips unless told otherwise, named
        ("ddim", {"set_alpha_to_one": False, "clip_sample": False}, "DDIMScheduler"),
    ],
)
def test_a_scheduler_that_does_not_arrive_is_refused(name, settings, scheduler):
    """In one step from a leading time, or by clipping that the model's configuration asks for."""
    steps = 1 if "set_alpha_to_one" in settings else 8
    assert "does not arrive even with a perfect denoiser of latents up to 5" in fault(
        own_of(name, **settings), scheduler, steps
    )


def test_a_scheduler_that_cannot_take_the_prediction_is_refused_by_name():
    assert "prediction_type given as sample" in fault(own_of("pndm", prediction_type="sample"), "PNDMScheduler", 8)


def test_the_sentence_names_what_is_left(monkeypatch):
    monkeypatch.setattr(samplers, "dir", lambda _: ["DDIMScheduler", "EulerDiscreteScheduler"], raising=False)
    with pytest.raises(ValueError, match=r"'DDIMScheduler' .* \(PNDMScheduler\): in 8 steps .*; allowed are Euler\w+$"):
        samplers.chosen(own_of("pndm", clip_sample=True), "DDIMScheduler", 8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory):
    return folders_of(tmp_path_factory)


@pytest.mark.parametrize("scheduler", ["DDIMScheduler", pytest.param("DDIMParallelScheduler", marks=pytest.mark.slow)])
def test_images_by_ddim_are_those_of_the_model(folders, scheduler):
    """DDIM takes the steps of Euler's method, so the images of a model that comes with that stay what they are."""
    folder: Path = folders("sdxl")
    module, prompts, seeds = load(folder, "sdxl"), list(CAPTIONS), np.arange(4, dtype=np.uint64)
    own = module.generate(prompts, ImageDecoding(4, 2.5), seeds).outputs
    assert difference(own, module.generate(prompts, ImageDecoding(4, 2.5, scheduler=scheduler), seeds).outputs) <= 1

"""Sampling with another scheduler than the model's own."""

import diffusers
import numpy as np
import pytest
import torch

from lightning_modules.settings import ImageDecoding
from tests.lightning_modules.tiny_generators import CAPTIONS, difference, draw, folders_of, load, noise_of, opened

torch.set_num_threads(1)
SEEDS = np.arange(4, dtype=np.uint64) + np.uint64(2**63)
ROUNDING = 1
PROMPTS = list(CAPTIONS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return folders_of(tmp_path_factory)


@pytest.mark.parametrize(
    ("name", "scheduler"),
    [
        ("sdxl", "DDIMScheduler"),
        ("sdxl", "DPMSolverMultistepScheduler"),
        ("sd15", "UniPCMultistepScheduler"),
        ("sd15", "HeunDiscreteScheduler"),
        ("sd21", "EulerDiscreteScheduler"),
        ("sd3", "FlowMatchHeunDiscreteScheduler"),
    ],
)
def test_another_scheduler(name, scheduler, folders):
    module, pipe = load(folders(name), name), opened(folders(name))
    unclipped = {"clip_sample": False} if scheduler == "DDIMScheduler" else {}  # its class clips latents unless told
    pipe.scheduler = getattr(diffusers, scheduler).from_config(pipe.scheduler.config, **unclipped)
    made = module.generate(PROMPTS, ImageDecoding(4, 2.5, scheduler=scheduler), SEEDS)
    assert difference(made.outputs, draw(name, pipe, PROMPTS, noise_of(module, SEEDS), 4, 2.5)) <= ROUNDING
    assert made.network_evaluations == 2 * 4 * len(pipe.scheduler.timesteps)
    own = module.generate(PROMPTS, ImageDecoding(4, 2.5), SEEDS).outputs
    same = (name, scheduler) == ("sdxl", "DDIMScheduler")  # Euler's steps are those of DDIM
    assert (difference(made.outputs, own) <= ROUNDING) == same


@pytest.mark.parametrize("name", ["sd3", "flux_dev"])
def test_a_multistep_solver_of_a_flow_goes_where_small_steps_go(name, folders):
    """Also where the shift depends on the size of the image, which the other scheduler is not told."""
    module = load(folders(name), name)
    far = {
        scheduler: module.generate(PROMPTS, ImageDecoding(steps, 1.0, scheduler=scheduler), SEEDS).outputs.astype(float)
        for scheduler, steps in (("", 100), ("DPMSolverMultistepScheduler", 20), ("UniPCMultistepScheduler", 20))
    }
    for scheduler in ("DPMSolverMultistepScheduler", "UniPCMultistepScheduler"):
        assert np.abs(far[scheduler] - far[""]).mean() < 0.1 * far[""].std()


@pytest.mark.parametrize(
    ("name", "scheduler", "found"),
    [
        ("sdxl", "NoSuchScheduler", "diffusers has no such scheduler"),
        ("sdxl", "FlowMatchEulerDiscreteScheduler", ""),
        ("sdxl", "DDIMInverseScheduler", "from latents to noise"),
        ("sd3", "DDIMScheduler", ""),
    ],
)
def test_a_scheduler_that_cannot_serve_is_refused(name, scheduler, found, folders):
    module = load(folders(name), name)
    module.family.network.register_forward_pre_hook(lambda *_: pytest.fail("computed before it complained"))
    with pytest.raises(ValueError, match=f"scheduler '{scheduler}' cannot be used with this model .*{found}") as error:
        module.generate(PROMPTS, ImageDecoding(4, 2.0, scheduler=scheduler), SEEDS)
    allowed = str(error.value).split("allowed are ")[1].split(", ")
    assert type(module.parts["scheduler"]).__name__ in allowed
    assert scheduler not in allowed
    both = {"DPMSolverMultistepScheduler", "UniPCMultistepScheduler"}
    assert both <= set(allowed)
    assert ("DDIMScheduler" in allowed) == (name == "sdxl")


def test_a_scheduler_that_ignores_zero_terminal_noise_is_refused(folders):
    module = load(folders("sd21"), "sd21")
    module.parts["scheduler"].register_to_config(rescale_betas_zero_snr=True, timestep_spacing="trailing")
    with pytest.raises(ValueError, match=r"PNDMScheduler.*another noise process; allowed are .*EulerDiscreteScheduler"):
        module.generate(PROMPTS, ImageDecoding(4, 2.0, scheduler="PNDMScheduler"), SEEDS)

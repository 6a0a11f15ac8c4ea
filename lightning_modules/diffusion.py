"""The forward process of training and the loop of sampling, for any diffusers scheduler."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers import DDPMScheduler, FlowMatchEulerDiscreteScheduler
from torch import Tensor


def corrupt(scheduler: Any, latents: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Noise latents at random times, and say what the denoiser should answer.

    Flow matching (2210.02747) draws logit-normal times (2403.03206) and asks for noise - latents.
    Other schedulers draw uniform times and ask for the noise (2006.11239), the velocity (2202.00512)
    or the latents, as `prediction_type` says.

    Args:
        scheduler: decides the process; not changed.
        latents: (n, c, h, w).
        noise: (n, c, h, w), standard normal.

    Returns:
        tuple: noisy latents, times (n,) as the denoiser takes them, target; random numbers come from
            torch's global CPU generator.

    Raises:
        ValueError: an unknown prediction type.
    """
    n, total = len(latents), scheduler.config.num_train_timesteps
    if isinstance(scheduler, FlowMatchEulerDiscreteScheduler):
        sigma = torch.sigmoid(torch.randn(n)).to(latents)
        shift = scheduler.config.shift
        sigma = shift * sigma / (1 + (shift - 1) * sigma)
        mixed = sigma.view(-1, 1, 1, 1)
        return (1 - mixed) * latents + mixed * noise, sigma * total, noise - latents
    # Schedulers of fast samplers scale their noise in ways of their own; training is always this process.
    process = DDPMScheduler.from_config(scheduler.config)
    times = torch.randint(0, total, (n,)).to(latents.device)
    noisy = process.add_noise(latents, noise, times)
    kind = process.config.prediction_type
    if kind == "epsilon":
        return noisy, times, noise
    if kind == "v_prediction":
        return noisy, times, process.get_velocity(latents, noise, times)
    if kind == "sample":
        return noisy, times, latents
    raise ValueError(f"unknown prediction type {kind!r}")


def sample(
    predict: Callable[[Tensor, Tensor, int], Tensor],
    scheduler: Any,
    latents: Tensor,
    steps: int,
    streams: Sequence[torch.Generator],
) -> Tensor:
    """Walk from noise to latents in `steps` steps.

    Args:
        predict: called as predict(latents, time, step number).
        scheduler: a copy of it is used, so calls do not disturb one another.
        latents: (n, c, h, w) standard normal noise.
        steps: number of steps.
        streams: one generator per sample, for schedulers that add noise on the way.

    Returns:
        Tensor: (n, c, h, w).
    """
    scheduler = type(scheduler).from_config(scheduler.config)
    scheduler.set_timesteps(steps, device=latents.device)
    noisy = "generator" in inspect.signature(scheduler.step).parameters
    options: dict[str, Any] = {"generator": list(streams)} if noisy else {}
    latents = latents * float(getattr(scheduler, "init_noise_sigma", 1.0))
    for number, time in enumerate(scheduler.timesteps):
        scaled = scheduler.scale_model_input(latents, time) if hasattr(scheduler, "scale_model_input") else latents
        latents = scheduler.step(predict(scaled, time, number), time, latents, **options, return_dict=False)[0]
    return latents

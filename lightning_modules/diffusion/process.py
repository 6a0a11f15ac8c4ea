"""The forward process of training and the loop of sampling, for any diffusers scheduler."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers import DDPMScheduler
from torch import Tensor

#: What defines a noise process. Schedulers have defaults of their own for these, so they are always handed on.
PROCESS = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "rescale_betas_zero_snr",
    "prediction_type",
)

#: The largest weight of an error of the noise under a floor.
MOST_WEIGHT = 100.0


def is_flow(scheduler: Any) -> bool:
    """Tell flow matching (2210.02747), straight lines between latents and noise, from a process with betas."""
    return type(scheduler).__name__.startswith("FlowMatch") or scheduler.config.get("prediction_type") == (
        "flow_prediction"
    )


def process_of(scheduler: Any) -> DDPMScheduler:
    """Return the forward process that a scheduler with betas undoes; that of another one, as EDM's, is a ValueError.

    Schedulers of fast samplers scale their noise in ways of their own; training is always this process.
    """
    config = scheduler.config
    if "beta_schedule" not in config:
        raise ValueError(f"no training process for {type(scheduler).__name__}: use one with betas, or flow matching")
    return DDPMScheduler.from_config(config, **{name: config[name] for name in PROCESS if name in config})


def corrupt(scheduler: Any, latents: Tensor, noise: Tensor, uniform: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Noise latents (n, c, h, w) at random times by standard normal noise; say what the denoiser should answer.

    Flow matching draws logit-normal times, or `uniform` ones, and asks for noise - latents. All times weigh the same
    in the loss then: the density of the times is the weighting (2403.03206, 3.1 and 5.1). Times are shifted by the
    scheduler's constant shift (5.3.2), and left as they are where the shift depends on the size of the image, as
    diffusers' training does.
    Other schedulers draw uniform times and ask for the noise (2006.11239), the velocity (2202.00512)
    or the latents, as `prediction_type` says.

    Returns:
        tuple: noisy latents, times (n,) as the denoiser takes them, target; random numbers come from
            torch's global CPU generator.

    Raises:
        ValueError: an unknown prediction type or process.
    """
    n, total = len(latents), scheduler.config.num_train_timesteps
    if is_flow(scheduler):
        sigma = (torch.rand(n) if uniform else torch.sigmoid(torch.randn(n))).to(latents)
        shift = 1.0 if scheduler.config.get("use_dynamic_shifting") else _constant_shift(scheduler.config)
        sigma = shift * sigma / (1 + (shift - 1) * sigma)
        mixed = sigma.view(-1, 1, 1, 1)
        return (1 - mixed) * latents + mixed * noise, sigma * total, noise - latents
    process = process_of(scheduler)
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


def min_snr(scheduler: Any, times: Tensor, gamma: float, floor: float = 0.0) -> Tensor:
    """Return the min-SNR weights (n,) float32 of squared errors (2303.09556, 3.4) at times (n,), for a gamma above 0.

    Seen as errors of the latents all predictions get w = min(SNR, gamma), so the squared error of the noise gets
    w / SNR and that of the velocity w / (SNR + 1). With a floor w is never below it: without one the noisiest times,
    at which the layout is decided, weigh close to nothing (2202.00512, section 4, has a floor of 1). The weight of the
    noise stays below `MOST_WEIGHT`, since noise alone says nothing of the latents.

    Raises:
        ValueError: flow matching, for which the paper defines no such weights.
    """
    if is_flow(scheduler):
        raise ValueError(f"min_snr: {gamma} has no meaning for flow matching ({type(scheduler).__name__}); set it to 0")
    process = process_of(scheduler)
    kept = process.alphas_cumprod.to(times.device)[times].float()
    snr = kept / (1 - kept)
    weights = snr.clamp(min=floor, max=gamma)
    if process.config.prediction_type == "epsilon":
        weights = weights / snr  # no number, or infinite, where nothing but noise is left and SNR is 0
        return weights.nan_to_num(1.0, posinf=MOST_WEIGHT).clamp(max=MOST_WEIGHT)
    return weights / ((snr + 1) if process.config.prediction_type == "v_prediction" else 1.0)


def _constant_shift(config: Any) -> float:
    return float(config.get("flow_shift", config.get("shift", 1.0)))


def dynamic_mu(config: Any, tokens: int) -> float:
    """Return the mu of a shift that grows with the number of image tokens: a line through two given points."""
    first, last = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    low, high = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
    slope = (high - low) / (last - first)
    return tokens * slope + (low - slope * first)


def shift_of(config: Any, tokens: int) -> float:
    """Return the shift of sampling times (2403.03206, 5.3.2) for images of so many tokens; 1 = none."""
    if not config.get("use_dynamic_shifting"):
        return _constant_shift(config)
    mu = dynamic_mu(config, tokens)
    return mu if config.get("time_shift_type") == "linear" else math.exp(mu)


def sample(
    predict: Callable[[Tensor, Tensor, int], Tensor],
    scheduler: Any,
    latents: Tensor,
    steps: int,
    streams: Sequence[torch.Generator],
    tokens: int = 0,
    sigmas: Sequence[float] | None = None,
) -> Tensor:
    """Walk from standard normal noise to latents (n, c, h, w) in `steps` steps.

    Args:
        predict: called as predict(latents, time, step number).
        scheduler: a copy of it is used, so calls do not disturb one another.
        latents: the noise.
        steps: number of steps.
        streams: one generator per sample, for schedulers that add noise on the way.
        tokens: tokens of one image, for schedulers that shift their times by it.
        sigmas: the noise levels before shifting, for schedulers that can be told; None = the scheduler's own.
    """
    scheduler = type(scheduler).from_config(scheduler.config)
    settable = inspect.signature(scheduler.set_timesteps).parameters
    timetable: dict[str, Any] = {}
    if scheduler.config.get("use_dynamic_shifting") and "mu" in settable:
        timetable["mu"] = dynamic_mu(scheduler.config, tokens)
    if sigmas is not None and "sigmas" in settable and not scheduler.config.get("use_flow_sigmas"):
        timetable["sigmas"] = sigmas
    scheduler.set_timesteps(steps, device=latents.device, **timetable)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)  # not searched for: some schedules hold the first time twice
    noisy = "generator" in inspect.signature(scheduler.step).parameters
    options: dict[str, Any] = {"generator": list(streams)} if noisy else {}
    latents = latents * float(getattr(scheduler, "init_noise_sigma", 1.0))
    for number, time in enumerate(scheduler.timesteps):
        scaled = scheduler.scale_model_input(latents, time) if hasattr(scheduler, "scale_model_input") else latents
        latents = scheduler.step(predict(scaled, time, number), time, latents, **options, return_dict=False)[0]
    return latents

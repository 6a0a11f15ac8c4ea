"""Sampling with another scheduler than the model's own."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import SchedulerMixin
from torch import Tensor

from lightning_modules.diffusion import process
from lightning_modules.weights.quiet import quiet

#: What a scheduler may do to latents on its way; some classes do it unless told not to, which suits pixels.
LIMITS = ("clip_sample", "thresholding")
#: Latents of real autoencoders reach so far.
FAR = 5.0


def chosen(own: Any, name: str, steps: int, tokens: int = 0, sigmas: Sequence[float] | None = None) -> Any:
    """Return the scheduler to sample with: the diffusers class `name`, or the model's own for "".

    A scheduler is allowed if it can be made from the model's own configuration, and if a perfect denoiser, walked
    through it once in small, ends at the latents it has in mind, by noise from the samples' own streams alone. The
    model's own is asked to do so where it is named.
    For `tokens` and `sigmas` see `process.sample`.

    Raises:
        ValueError: there is no such class, or it does not serve this model.
    """
    if name == "":
        return own
    scheduler, fault = _tried(own, name, steps, tokens, sigmas)
    if not fault:
        return scheduler
    names = sorted(n for n in dir(diffusers) if n.endswith("Scheduler"))
    allowed = [n for n in names if not _tried(own, n, steps, tokens, sigmas)[1]]
    raise ValueError(
        f"decoding: scheduler {name!r} cannot be used with this model ({type(own).__name__}): {fault}; "
        f"allowed are {', '.join(allowed)}"
    )


def _tried(own: Any, name: str, steps: int, tokens: int, sigmas: Sequence[float] | None) -> tuple[Any, str]:
    """Return a scheduler and an empty string, or None and what is wrong with it."""
    kind = getattr(diffusers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, SchedulerMixin)):
        return None, "diffusers has no such scheduler"
    wanted = torch.linspace(-FAR, FAR, 64).view(1, 1, 8, 8)
    times: list[float] = []
    stream, state = torch.Generator().manual_seed(0), torch.get_rng_state()
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scheduler = own if kind is type(own) else _made(own, kind, tokens)
            noise = torch.randn(wanted.shape, generator=stream)
            found = process.sample(_perfect(own, wanted, times), scheduler, noise, steps, [stream], tokens, sigmas)
            foreign = not torch.equal(state, torch.get_rng_state())
    except Exception as error:  # whatever a scheduler cannot do it says in its own way
        return None, (str(error) or type(error).__name__).strip().splitlines()[0].rstrip(".")
    finally:
        torch.set_rng_state(state)
    if foreign:
        return None, "it draws noise that no sample's seed decides"
    if times[0] < times[-1]:
        return None, "it leads from latents to noise"
    if not _same_process(own, scheduler):
        return None, "it follows another noise process"
    if not (found - wanted).abs().mean() < 0.04:
        return None, f"in {steps} steps it does not arrive even with a perfect denoiser of latents up to {FAR:g}"
    return scheduler, ""


def _made(own: Any, kind: type, tokens: int) -> Any:
    """Make a scheduler for the model's own process, whatever the defaults of its class are.

    Which times it steps through and how it solves remain its own affair.
    """
    fixed = {name: own.config[name] for name in process.PROCESS if name in own.config}
    unsaid = own.config.get("_use_default_values", ())
    fixed |= {name: name not in unsaid and bool(own.config.get(name)) for name in LIMITS}
    if process.is_flow(own):
        shift = process.shift_of(own.config, tokens)
        fixed |= {"shift": shift, "flow_shift": shift, "use_dynamic_shifting": False}
        fixed |= {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
    known = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
    return kind.from_config(own.config, **{k: v for k, v in fixed.items() if k in known})  # type: ignore[attr-defined]


def _same_process(own: Any, other: Any) -> bool:
    """Compare the shares of the latents that are left at each time, where a scheduler has such."""
    if process.is_flow(own) or not hasattr(other, "alphas_cumprod"):
        return process.is_flow(own) == process.is_flow(other)
    kept = process.process_of(own).alphas_cumprod
    return kept.shape == other.alphas_cumprod.shape and torch.allclose(kept, other.alphas_cumprod.float(), atol=1e-5)


def _perfect(own: Any, wanted: Tensor, times: list[float]) -> Callable[[Tensor, Tensor, int], Tensor]:
    """Return a denoiser that knows the latents, answers as the model's process asks, and notes when it was asked."""
    total = own.config.num_train_timesteps
    forward = None if process.is_flow(own) else process.process_of(own)

    def answer(noisy: Tensor, time: Tensor, number: int) -> Tensor:
        times.append(float(time))
        if forward is None:
            return (noisy - wanted) / (times[-1] / total)
        kept = float(np.interp(times[-1], np.arange(total), forward.alphas_cumprod.numpy()))
        signal, spread = kept**0.5, max(1 - kept, 1e-12) ** 0.5
        noise = (noisy - signal * wanted) / spread
        answers = {"epsilon": noise, "sample": wanted, "v_prediction": signal * noise - spread * wanted}
        return answers[forward.config.prediction_type]

    return answer

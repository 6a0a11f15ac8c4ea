"""Guided prediction, and changes to it: another scale in each step, a second generator to keep away from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lightning_modules.diffusion.compiled import filled
from lightning_modules.families.text_to_image import Tensors
from lightning_modules.fitting.module import FitModule


@dataclass(frozen=True)
class Steering:
    """Changes to plain guided sampling.

    Attributes:
        guidance: guidance scale of (step number, steps), in place of the decoding's constant.
        auxiliary: a second generator of the same architecture, whose prediction is pushed away from:
            (1 + weight) own - weight auxiliary (2408.16333); it takes as many evaluations again.
        weight: of the auxiliary.
    """

    guidance: Callable[[int, int], float] | None = None
    auxiliary: FitModule | None = None
    weight: float = 0.0


def summands(own: FitModule, steering: Steering) -> list[tuple[FitModule, float]]:
    """Return the generators whose predictions are added up, and the weight of each."""
    if steering.auxiliary is None:
        return [(own, 1.0)]
    return [(own, 1.0 + steering.weight), (steering.auxiliary, -steering.weight)]


def guided(
    generator: FitModule, latents: Tensor, time: Tensor, conditions: Tensors, nothing: Tensors, scale: float
) -> Tensor:
    """Predict with classifier-free guidance (2207.12598): nothing + scale (conditions - nothing).

    A guidance-distilled model is told the scale instead, and evaluated once.

    Args:
        generator: whose denoiser predicts.
        latents: (n, c, h, w) noisy latents.
        time: one time, as the scheduler gives it.
        conditions: of n prompts.
        nothing: of the empty prompt, n times.
        scale: 1 = one network evaluation per image, otherwise two.
    """
    family, asked = generator.family, len(latents)
    latents, conditions, nothing = filled(generator.rows, latents, conditions, nothing)
    n = len(latents)
    if family.guidance_is_input:
        told = torch.full((n,), float(scale), device=latents.device)
        return family.answer(latents, time.expand(n), {**conditions, "guidance": told})[:asked]
    if scale == 1:
        return family.answer(latents, time.expand(n), conditions)[:asked]
    both = {name: torch.cat([nothing[name], value]) for name, value in conditions.items()}
    without, with_text = family.answer(torch.cat([latents, latents]), time.expand(2 * n), both).chunk(2)
    return (without + scale * (with_text - without))[:asked]

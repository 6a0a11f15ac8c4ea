"""Annealed truncation: end the reverse diffusion closer to the data in every round (2606.13796)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.knobs import positive


class AnnealedTruncation(Mitigation):
    """Draw set t with t ** rate times the loop's denoising steps, so that what the walk leaves out shrinks to 0.

    After the paper's abstract, which is all that we could read: samplers stop the reverse diffusion a little before the
    data, at a truncation time; in a loop this alone smooths the data further in every round; truncation times that
    shrink to 0 over the rounds, however fast, end that. Ours is what is truncated, and how it shrinks. These loops have
    no truncation but that of their last step, which jumps from the last time at which the network is asked to the data
    at once. Where times end at 1 / steps of the way (`trailing`, as those of the shipped base and of FLUX), that time
    shrinks as t ** -rate. Where it does not hang on the steps (`leading`), this is but a finer walk. Set 1 is that of
    the loop as it is.

    Args:
        rate: How fast, above 0; 1 is ours.
    """

    name: ClassVar[str] = "annealed_truncation"
    modalities: ClassVar[tuple[str, ...]] = ("generator",)

    def __init__(self, rate: float = 1.0):
        self.rate = positive("rate", rate)

    def sampling(self, ctx: Any) -> Any:
        """Return the decoding with more steps."""
        return replace(ctx.decoding, steps=round(ctx.decoding.steps * ctx.iteration**self.rate))

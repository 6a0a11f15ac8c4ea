"""Preference choice: of K candidates users keep one, the likelier the higher its reward (2407.09499)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.mitigations.candidates import Candidates
from benchmarks.mitigations.knobs import positive
from benchmarks.seeds import gumbel, sample_seeds
from datamodules.pairs import Pairs


class PreferenceChoice(Candidates):
    """Keep one candidate of each prompt, candidate i with probability softmax(r)_i over the prompt's K.

    Args:
        factor: K of the paper, which varies it; 4 is ours.
        scale: The reward r is `scale` times the cosine of image and caption in the scorer's space. Ours: 50, at which
            a cosine that is 0.02 higher makes a candidate e times as likely; cosines of real pairs of the scenes spread
            by 0.026.
    """

    name: ClassVar[str] = "preference_choice"

    def __init__(self, factor: int = 4, scale: float = 50.0):
        super().__init__(factor)
        self.scale = positive("scale", scale)

    def curate(self, ctx: Any) -> Pairs:
        """Return one candidate of each prompt; the largest reward plus Gumbel noise is a draw from the softmax."""
        draws = np.repeat(np.arange(self.oversample), ctx.n)
        noisy = self.scale * self.alignment(ctx.scorers) + gumbel(sample_seeds(ctx.seed, ctx.new.ids, draws))
        return self.chosen(ctx.new, self.grid(noisy).argmax(0))

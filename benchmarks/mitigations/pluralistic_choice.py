"""Pluralistic choice: curators of two rewards share the choice among K candidates (2605.07724)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.mitigations.knobs import share, whole
from benchmarks.mitigations.preference_choice import PreferenceChoice
from benchmarks.seeds import gumbel, sample_seeds, uniform
from datamodules.pairs import Pairs


class PluralisticChoice(PreferenceChoice):
    """Keep candidate i of a prompt with probability softmax(r)_i, r the reward of whoever is asked.

    The paper's: each choice falls to curators of reward r1 with probability q, else to those of r2; a choice is that of
    `preference_choice`. There the loop ends at one reward's optimum, here at a mixture of both. Ours: which rewards.
    The first group likes pairs whose image and caption agree, as in `preference_choice`; the second likes what is
    unlike the other candidates of its prompt. The paper's rewards are functions of a sample alone; the second one here
    hangs on what else is offered, so that it needs no model but the scorer and serves images and captions alike.

    Args:
        factor: K, 3 or more: of two candidates each is as unlike the other. 4 is ours.
        scale: Of both rewards, the cosine of image and caption and 1 - the mean cosine with the other candidates, in
            the scorer's space; ours, that of `preference_choice`.
        q: Probability that the first group chooses; half each is ours.
    """

    name: ClassVar[str] = "pluralistic_choice"

    def __init__(self, factor: int = 4, scale: float = 50.0, q: float = 0.5):
        super().__init__(whole("factor", factor, 3), scale)
        self.q = share("q", q, zero=True)

    def curate(self, ctx: Any) -> Pairs:
        """Return one candidate of each prompt."""
        draws = np.repeat(np.arange(self.oversample), ctx.n)
        aligned = uniform(sample_seeds(ctx.seed, ctx.new.ids, self.oversample)) < self.q  # the same for all of a prompt
        reward = np.where(aligned, self.alignment(ctx.scorers), self.unlikeness(ctx))
        noisy = self.scale * reward + gumbel(sample_seeds(ctx.seed, ctx.new.ids, draws))
        return self.chosen(ctx.new, self.grid(noisy).argmax(0))

    def unlikeness(self, ctx: Any) -> np.ndarray:
        """Return 1 - the mean cosine of what was made with the prompt's other candidates, (n,), mean over scorers."""
        made = self.grid(self.features(ctx.scorers, self.made(ctx.new)))
        others = (made * (made.sum(0) - made)).sum(2) / (len(made) - 1)
        return 1 - others.reshape(-1) / len(ctx.scorers)

"""Surprise filter: of more than is needed, train on what the model finds least likely (2410.12341)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.mitigations.own_likelihood import OwnLikelihood
from datamodules.pairs import Pairs


class SurpriseFilter(OwnLikelihood):
    """Keep the pairs whose captions have the highest perplexity, exp of the mean negative log-likelihood a token.

    Perplexity is that of the captioner that labels, given the image. As in the authors' code the whole pool is sorted
    and its N highest stay, so that some prompts keep several captions and others none. Ours: the pool is this
    iteration's candidates, where the authors' holds documents of all iterations and of people. A generator has no
    likelihood to sort by, so it learns from what is chosen for the captioner.

    Args:
        factor: Candidates per prompt, so that 1 / factor of the pool stays; 4 is ours.
    """

    name: ClassVar[str] = "surprise_filter"

    def __init__(self, factor: int = 4):
        super().__init__(factor)

    def curate(self, ctx: Any) -> Pairs:
        """Return the N least likely, in the order of the pool; of equals the earlier."""
        kept = np.argsort(self.likelihood(ctx), kind="stable")[: ctx.n]
        return ctx.new.take(np.sort(kept))

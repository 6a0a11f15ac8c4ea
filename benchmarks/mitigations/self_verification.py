"""Self-verification: of more than is needed, keep what the model itself is surest of (OpenReview X5Hk8aMs6w)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.mitigations.own_likelihood import OwnLikelihood
from datamodules.pairs import Pairs


class SelfVerification(OwnLikelihood):
    """Keep the pairs whose captions the captioner that wrote them finds likeliest: no outside verifier is asked.

    The paper lets a model filter its outputs by its own confidence and proves what a threshold on it gives. Ours:
    confidence is the mean log-likelihood a token, so that long captions are not held to be unsure; and the threshold is
    the one that N of the whole pool pass, since every method trains on N. The likeliest of each prompt instead is
    `budget_best_of`. A generator has no such confidence, so it learns from what is chosen for the captioner.

    Args:
        factor: Candidates per prompt, so that 1 / factor of the pool passes; 4 is ours.
    """

    name: ClassVar[str] = "self_verification"

    def __init__(self, factor: int = 4):
        super().__init__(factor)

    def curate(self, ctx: Any) -> Pairs:
        """Return the N likeliest, in the order of the pool; of equals the earlier."""
        kept = np.argsort(-self.likelihood(ctx), kind="stable")[: ctx.n]
        return ctx.new.take(np.sort(kept))

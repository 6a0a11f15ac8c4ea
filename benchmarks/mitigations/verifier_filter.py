"""Verifier filter: make more than is needed and keep what an outside verifier likes best (2406.07515, 2510.16657)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.mitigations.candidates import Candidates
from datamodules.pairs import Pairs


class VerifierFilter(Candidates):
    """Keep the pairs whose image and caption a scorer finds closest; the verifier is a scorer, never a judge.

    Args:
        factor: Candidates per prompt, so that the share q that is kept is 1 / factor. The papers vary q; 4 is ours.
        per_prompt: Keep the best candidate of each prompt (best of N) instead of the best of the whole pool, which may
            drop hard prompts altogether.
    """

    name: ClassVar[str] = "verifier_filter"

    def __init__(self, factor: int = 4, per_prompt: bool = False):
        super().__init__(factor)
        if not isinstance(per_prompt, bool):
            raise ValueError(f"per_prompt: found {per_prompt!r}; allowed: true or false")
        self.per_prompt = per_prompt

    def curate(self, ctx: Any) -> Pairs:
        """Return the N best, in the order of the pool; of equals the earlier."""
        score = self.alignment(ctx.scorers)
        if self.per_prompt:
            return self.chosen(ctx.new, self.grid(score).argmax(0))
        best = np.argsort(-score, kind="stable")[: ctx.n]
        return ctx.new.take(np.sort(best))

"""What methods share that choose captions by how likely the captioner that wrote them finds them itself."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.mitigations.candidates import Candidates
from records.errors import StepError


class OwnLikelihood(Candidates):
    """Draws several candidates of each prompt; a subclass keeps N of them by the likelihood of their captions.

    Args:
        factor: Candidates per prompt, 2 or more.
    """

    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("new", "likelihood")}

    def likelihood(self, ctx: Any) -> np.ndarray:
        """Return the mean log-likelihood a token of each caption, (n,) float64, under the captioner that labels.

        Raises:
            StepError: Captions are prompts, and nobody wrote them.
        """
        if ctx.likelihood is None:
            raise StepError(f"{type(self).__name__} needs a captioner; allowed: scenarios with captions: captioner")
        ctx.spend(network_evaluations=len(ctx.new))
        return ctx.likelihood(ctx.new)

"""Content injection: people's own pictures go into the image pool, beside what the generator drew (2503.08117)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.knobs import share
from benchmarks.study.suite import Scenario
from datamodules.pairs import Pairs


class ContentInjection(Mitigation):
    """Swap part of the pool for unseen real pictures; the captioner of the loop captions them like all others.

    Without a captioner in the loop they bring the text that came with them, which is what `fresh_real` does.

    Args:
        rate: Share of such pictures, in (0, 1]. The paper varies it; 0.25 is ours.
    """

    name: ClassVar[str] = "content_injection"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("new", "reserve", "captioner")}

    def __init__(self, rate: float = 0.25):
        self.rate = share("rate", rate)

    def applies(self, scenario: Scenario) -> bool:
        """Where all pictures are real there is nothing to swap."""
        return scenario.images == "generator"

    def reserve_items(self, n: int) -> int:
        """Real pictures an iteration consumes."""
        return max(1, round(self.rate * n))

    def curate(self, ctx: Any) -> Pairs:
        """Return the real pictures, then enough of the synthetic pairs to make N."""
        pictures = ctx.reserve[-1]
        if ctx.captioner is not None:
            made = ctx.captioner(pictures.images, pictures.ids)
            ctx.spend(network_evaluations=made.network_evaluations)
            pictures = pictures.with_(captions=tuple(made.outputs))
        return Pairs.concat([pictures, ctx.new.take(np.arange(ctx.n - len(pictures)))])

"""Frozen relabelling of a part: the base captioner labels a share of the images, the live one the rest (2505.08803)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.knobs import share
from benchmarks.seeds import sample_seeds, step_seed, uniform


class PartialRelabel(Mitigation):
    """Label each image with the base captioner by chance `fraction`, else with the live one.

    At 1 it labels as the scenario patch `frozen_relabel` does.

    Args:
        fraction: Chance of the base captioner, in (0, 1]. The paper freezes all; 0.5 is ours.
    """

    name: ClassVar[str] = "partial_relabel"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"relabel": ("base",)}

    def __init__(self, fraction: float = 0.5):
        self.fraction = share("fraction", fraction)

    def relabel(self, ctx: Any) -> list[str]:
        """Return a caption for each pair; each model is asked for its own part alone."""
        draw = 0 if ctx.pairs.draw is None else ctx.pairs.draw
        seeds = sample_seeds(step_seed(ctx.seed, "relabel", ctx.iteration), ctx.pairs.ids, draw)
        frozen = uniform(seeds) < self.fraction
        texts = np.empty(len(ctx.pairs), dtype=object)
        for model, rows in ((ctx.base, np.flatnonzero(frozen)), (ctx.live, np.flatnonzero(~frozen))):
            if len(rows):
                texts[rows] = ctx.caption(model, rows)
        return texts.tolist()

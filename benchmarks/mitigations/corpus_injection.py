"""Corpus injection: part of the prompts come from people again, not from the captioner (2503.08117)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.knobs import share
from benchmarks.seeds import sample_seeds, step_seed, uniform
from benchmarks.study.suite import Scenario


class CorpusInjection(Mitigation):
    """Ask for part of the images with a human caption of the item instead of the previous iteration's caption.

    The injected text is the item's own (ours; the paper draws from a corpus of the same law), so that each pair keeps
    the truth that it is measured against. Where prompts are human captions anyway it would change nothing.

    Args:
        rate: Chance of each prompt to be replaced, in (0, 1]. The paper varies it; 0.25 is ours.
    """

    name: ClassVar[str] = "corpus_injection"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"prompts": ("real",)}

    def __init__(self, rate: float = 0.25):
        self.rate = share("rate", rate)

    def applies(self, scenario: Scenario) -> bool:
        """Only a closed loop has prompts of its own making."""
        return scenario.prompts == "previous_captions"

    def prompts(self, ctx: Any) -> list[str]:
        """Return the prompts, some of them human captions of the same items."""
        human = dict(zip(ctx.real[0].ids.tolist(), ctx.real[0].captions, strict=True))
        seeds = sample_seeds(step_seed(ctx.seed, "corpus", ctx.iteration), np.asarray(ctx.ids))
        return [
            human[item] if u < self.rate else prompt
            for item, prompt, u in zip(np.asarray(ctx.ids).tolist(), ctx.prompts, uniform(seeds), strict=True)
        ]

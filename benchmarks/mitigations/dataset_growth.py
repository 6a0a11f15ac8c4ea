"""Dataset growth: draw more in every iteration, faster than in proportion to their number (2505.13947)."""

from __future__ import annotations

from typing import ClassVar

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.knobs import positive
from benchmarks.study.suite import Scenario


class DatasetGrowth(Mitigation):
    """Train on n_t = N min(t ** exponent, cap) pairs of iteration t, one for each of as many prompts or images.

    The paper's: what is estimated from n_t samples of the estimate before is a random walk with steps of variance
    1 / n_t, which stays near its start where n_t grows as t ** (1 + s), s above 0, and where estimates are biased needs
    to grow faster still. Ours: the exponent, just above 1, and the cap, so that ten iterations of the largest suites
    stay within their prompts. Fits take as many steps as without it, so a pair is seen less often, not a model trained
    for longer. A closed loop has no more prompts than captions of the iteration before: no row there.

    Args:
        exponent: 1 + s, above 0; 1.1 is ours. The paper needs it above 1.
        cap: Most pairs, in multiples of N, 1 or more; 8 is ours.
    """

    name: ClassVar[str] = "dataset_growth"

    def __init__(self, exponent: float = 1.1, cap: float = 8.0):
        self.exponent, self.cap = positive("exponent", exponent), positive("cap", cap)
        if self.cap < 1:
            raise ValueError(f"cap: found {cap}; allowed: 1 or more")

    def applies(self, scenario: Scenario) -> bool:
        """Where prompts, or images to caption, are people's."""
        return scenario.prompts != "previous_captions"

    def draw_count(self, iteration: int, n: int) -> int:
        """Return n_t."""
        return round(n * min(iteration**self.exponent, self.cap))

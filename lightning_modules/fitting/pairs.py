"""A model that is trained on pairs of images and captions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from lightning_modules.fitting import runner, starts
from lightning_modules.fitting.contracts import FitReport, Objective, Progress
from lightning_modules.fitting.module import FitModule
from lightning_modules.settings import FitSettings

if TYPE_CHECKING:
    from datamodules.pairs import Pairs


class PairModule(FitModule):
    """A captioner or a generator."""

    def check(self, settings: FitSettings) -> None:
        """Refuse settings that this model cannot be trained with, before anything is computed."""

    def encode(
        self, images: np.ndarray, captions: Sequence[str], weights: np.ndarray | None = None
    ) -> dict[str, Tensor]:
        """Return the rows of a fit on images (n, H, W, 3) uint8 and n texts, with loss weights (n,), None = all one."""
        raise NotImplementedError

    def fit_rows(self, pairs: Pairs, settings: FitSettings) -> dict[str, Tensor]:
        """Return the rows of a fit on pairs, with whatever the settings ask for beside those of `encode`."""
        return self.encode(pairs.images, pairs.captions, pairs.weights)

    def fit_pairs(
        self,
        pairs: Pairs,
        settings: FitSettings,
        seed: int,
        objective: Objective | None = None,
        progress: Progress | None = None,
    ) -> FitReport:
        """Train on pairs; errors are those of `runner.fit`, and settings that this model cannot be trained with.

        Args:
            pairs: images, captions and weights.
            settings: how to train.
            seed: of data order and of all that is random in a step.
            objective: turns losses (b,) and a context into one number; the context holds "weights", "rows", "step",
                "module", "batch", and what the `losses` of the model say.
            progress: called as progress(steps done, steps in all).
        """
        self.check(settings)
        if settings.lora is not None:  # before anything is encoded: what gets no adapter is frozen
            starts.prepare(self, settings, seed)
        data = self.fit_rows(pairs, settings)
        return runner.fit(self, data, settings, seed, objective, progress)

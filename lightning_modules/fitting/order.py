"""Which samples each step of a fit sees, and with what factor on the learning rate."""

from __future__ import annotations

import math

import numpy as np
from torch.utils.data import Dataset

from lightning_modules.fitting.contracts import Schedule
from lightning_modules.seeds import derive


class StepOrder(Dataset):
    """Sample numbers of each training step.

    The steps walk through permutations of 0..n-1 laid end to end, so no epoch ends inside a run
    and every sample is seen equally often (to within one).
    """

    def __init__(self, n: int, batch_size: int, steps: int, seed: int, first: int = 0) -> None:
        """Walk over `n` samples, from step `first` to step `steps`."""
        if n < 1:
            raise ValueError("nothing to fit on: the set of pairs is empty")
        self.n, self.batch_size, self.steps, self.seed, self.first = n, batch_size, steps, seed, first
        self._permutations: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return max(0, self.steps - self.first)

    def _permutation(self, lap: int) -> np.ndarray:
        if lap not in self._permutations:
            self._permutations = {k: v for k, v in self._permutations.items() if k >= lap - 1}
            self._permutations[lap] = np.random.default_rng(derive(self.seed, "order", lap)).permutation(self.n)
        return self._permutations[lap]

    def __getitem__(self, item: int) -> tuple[int, np.ndarray]:
        """Return (step, sample numbers (batch_size,))."""
        step = self.first + item
        places = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        return step, np.array([self._permutation(int(p) // self.n)[int(p) % self.n] for p in places])


def constant(warmup: int) -> Schedule:
    """Return a learning rate factor: linear warm-up, then 1."""
    return lambda step: min(1.0, (step + 1) / (warmup + 1))


def cosine(warmup: int, steps: int) -> Schedule:
    """Return a learning rate factor: linear warm-up, then half a cosine down to 0 at `steps`."""
    return lambda step: (
        min(1.0, (step + 1) / (warmup + 1)) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))
    )

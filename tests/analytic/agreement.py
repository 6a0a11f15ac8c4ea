"""Statistical checks of {seed: trajectory} against theory, each with a stated false-alarm rate.

Every check works on the mean over independent seeds, whose law is normal to good accuracy at the hundreds of
seeds used. A check over several iterations divides its rate by their number (Bonferroni), so the stated rate
is that of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import ndtr, ndtri

Trajectories = Mapping[int, np.ndarray]
RATE = 1e-4


def stacked(trajectories: Trajectories) -> np.ndarray:
    """(seeds, iterations) float64, in order of the seeds."""
    return np.array([trajectories[seed] for seed in sorted(trajectories)], dtype=np.float64)


def scores(trajectories: Trajectories, expected: np.ndarray, sd: np.ndarray | None = None) -> np.ndarray:
    """z score of the mean at every iteration; where nothing varies 0 for equal means, else infinity."""
    values = stacked(trajectories)
    spread = values.std(axis=0, ddof=1) if sd is None else np.broadcast_to(sd, values.shape[1:])
    gap = values.mean(axis=0) - expected
    error = spread / np.sqrt(len(values))
    exact = error < 1e-12
    certain = np.where(np.abs(gap) < 1e-9, 0.0, np.copysign(np.inf, gap))
    return np.where(exact, certain, gap / np.where(exact, 1.0, error))


def assert_mean(
    trajectories: Trajectories, expected: np.ndarray, sd: np.ndarray | None = None, rate: float = RATE
) -> None:
    """The mean over seeds is `expected` (iterations,): two-sided; `sd` is the exact one where it is known."""
    z = scores(trajectories, expected, sd)
    limit = -ndtri(rate / 2 / z.size)
    means = stacked(trajectories).mean(0)
    assert (np.abs(z) <= limit).all(), f"mean {means} against {expected}: z {np.round(z, 1)}, limit {limit:.2f}"


def assert_between(trajectories: Trajectories, low: np.ndarray, high: np.ndarray, rate: float = RATE) -> None:
    """The mean over seeds lies in [low, high] at every iteration: one-sided tests at both ends."""
    limit = -ndtri(rate / 2 / stacked(trajectories).shape[1])
    below, above = scores(trajectories, low), scores(trajectories, high)
    assert (below >= -limit).all(), f"below {low}: z {np.round(below, 1)}, limit {-limit:.2f}"
    assert (above <= limit).all(), f"above {high}: z {np.round(above, 1)}, limit {limit:.2f}"


def assert_falls(trajectories: Trajectories, rate: float = RATE) -> None:
    """The mean is lower at the end than at the start, and never rises in between, beyond chance."""
    values = stacked(trajectories)
    steps = dict(enumerate(np.diff(values, axis=1)))
    rises = scores(steps, np.zeros(values.shape[1] - 1))
    limit = -ndtri(rate / values.shape[1])
    assert (rises <= limit).all(), f"a rise: z {np.round(rises, 1)}, limit {limit:.2f}"
    whole = scores({seed: row[-1:] - row[:1] for seed, row in enumerate(values)}, np.zeros(1))
    assert whole[0] < -limit, f"no fall: z {whole[0]:.1f}, limit {-limit:.2f}"


def power(effect: float, sd: float, seeds: int, tests: int, rate: float = RATE) -> float:
    """Probability that `assert_mean` over `tests` iterations sees a shift of `effect` at one of them."""
    limit = -ndtri(rate / 2 / tests)
    return float(ndtr(abs(effect) / sd * np.sqrt(seeds) - limit))

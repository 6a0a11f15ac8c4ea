"""Detector resampling: draw synthetic pairs the likelier, the less a detector takes them for synthetic (2502.15654)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.mitigations.candidates import Candidates
from benchmarks.mitigations.knobs import positive, whole
from benchmarks.seeds import gumbel, mix, sample_seeds
from datamodules.pairs import Pairs

SIDES = ("images", "captions")


class DetectorResampling(Candidates):
    """Draw N pairs by the weights (1 - P(synthetic)) ** b; a pair may be drawn `repeats` times.

    The detector tells the iteration's real pairs from its synthetic ones by scorer features. Ours: a logistic
    regression with an L2 penalty (the paper fine-tunes a language model), trained on half of the items and asked about
    the other half, so that no pair is judged by a detector that has seen it; and the pool is synthetic alone, where the
    paper resamples a mix of human and machine text. The real pairs count as consumed.

    Args:
        b: Exponent; 0 would draw evenly, a large one keeps only what passes for real. The published code leaves it
            open; 1 is ours.
        factor: Candidates per prompt; 2 is ours.
        repeats: How often a pair may be drawn; 2 is ours.
    """

    name: ClassVar[str] = "detector_resampling"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("new", "scorers", "real", "real_scores")}

    def __init__(self, b: float = 1.0, factor: int = 2, repeats: int = 2):
        super().__init__(factor)
        self.b, self.repeats = positive("b", b), whole("repeats", repeats, 1)

    def curate(self, ctx: Any) -> Pairs:
        """Return the drawn pairs in the order of the pool, a repeated one beside itself."""
        synthetic = self.features(ctx.scorers, SIDES)
        real = self.features(ctx.real_scores[-1], SIDES)
        logit = crossed_logits(synthetic, real, ctx.new.ids, ctx.real[-1].ids, ctx.seed)
        # log of (1 - P) ** b, without underflow where the detector is sure.
        weight = -self.b * np.logaddexp(0.0, logit)
        return ctx.new.take(np.sort(self.drawn(weight, ctx)))

    def drawn(self, log_weight: np.ndarray, ctx: Any) -> np.ndarray:
        """Return N positions, drawn without replacement from each position `repeats` times: largest noisy weights."""
        position = np.repeat(np.arange(len(log_weight)), self.repeats)
        draws = np.repeat(np.arange(self.oversample), ctx.n)[position] * self.repeats
        draws += np.tile(np.arange(self.repeats), len(log_weight))
        noisy = log_weight[position] + gumbel(sample_seeds(ctx.seed, ctx.new.ids[position], draws))
        return position[np.argsort(-noisy, kind="stable")[: ctx.n]]


def crossed_logits(
    synthetic: np.ndarray, real: np.ndarray, synthetic_ids: np.ndarray, real_ids: np.ndarray, seed: int
) -> np.ndarray:
    """Return the logit of P(synthetic) of each synthetic pair, (n,), by the detector of the other half of the items.

    Args:
        synthetic: (n, d) features.
        real: (m, d) features.
        synthetic_ids: (n,) items; candidates of one item fall into one half.
        real_ids: (m,) items.
        seed: Of the halves.
    """
    mine, others = _half(synthetic_ids, seed), _half(real_ids, seed)
    logits = np.empty(len(synthetic))
    for half in (False, True):
        theirs = (synthetic[mine != half], real[others != half])
        if not all(len(part) for part in theirs):  # too few items for two halves
            theirs = (synthetic, real)
        logits[mine == half] = logistic(*theirs)(synthetic[mine == half])
    return logits


def _half(ids: np.ndarray, seed: int) -> np.ndarray:
    return (mix(sample_seeds(seed, ids)) & np.uint64(1)).astype(bool)


def logistic(positive: np.ndarray, negative: np.ndarray, penalty: float = 1.0) -> Any:
    """Return a function from features (n, d) to logits (n,): a logistic regression with even classes.

    Features are brought to unit variance; each class weighs as much as the other, so that the logit is 0 where neither
    is likelier. What is least is the sum of the losses of p + q items plus penalty / 2 x the squared coefficients.

    Args:
        positive: (p, d) features of the class whose logit it is.
        negative: (q, d) features of the other.
        penalty: Of the coefficients, never of the intercept.
    """
    points = np.concatenate([positive, negative])
    centre, spread = points.mean(0), points.std(0)
    spread = np.where(spread > 1e-12, spread, 1.0)

    def design(features: np.ndarray) -> np.ndarray:
        return np.concatenate([(features - centre) / spread, np.ones((len(features), 1))], axis=1)

    x = design(points)
    y = np.repeat([1.0, 0.0], [len(positive), len(negative)])
    even = np.repeat([0.5 / len(positive), 0.5 / len(negative)], [len(positive), len(negative)]) * len(points)
    ridge = np.diag(np.append(np.full(x.shape[1] - 1, penalty), 1e-9))

    def loss(coefficients: np.ndarray) -> float:
        z = x @ coefficients
        return float(even @ (np.logaddexp(0.0, z) - y * z) + coefficients @ ridge @ coefficients / 2)

    coefficients = np.zeros(x.shape[1])
    for _ in range(50):  # Newton steps; the penalty keeps them finite where the classes part cleanly
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ coefficients, -30, 30)))
        gradient = x.T @ (even * (p - y)) + ridge @ coefficients
        step = np.linalg.solve((x.T * (even * p * (1 - p))) @ x + ridge, gradient)
        while loss(coefficients - step) > loss(coefficients) and np.abs(step).max() > 1e-10:
            step /= 2
        coefficients = coefficients - step
        if np.abs(step).max() < 1e-9:
            break
    return lambda features: design(features) @ coefficients

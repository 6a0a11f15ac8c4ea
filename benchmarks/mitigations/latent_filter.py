"""Latent space filter: drop what a probe on latents of real pairs does not find in its own class (2511.12742)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.candidates import unit
from benchmarks.mitigations.knobs import share, whole
from benchmarks.mitigations.self_correction import k_means
from benchmarks.seeds import permutation, sample_seeds, uniform
from datamodules.pairs import Pairs


class LatentFilter(Mitigation):
    """Train on a fresh draw of N of the real N of iteration 1 and of what passes the probe in the pools of 1..t.

    The paper's: a probe learns from latents of real data which class they are of; a synthetic sample stays where the
    probe gives enough to the class that it was made for; data accumulate, and the budget of training is fixed. There,
    classes are labels, and latents are the diffusion model's own. Ours: the class of a pair is the nearest of k centres
    that k-means finds among features of real captions, and the probe, a logistic regression with an L2 penalty, reads
    features of the image, both in the scorer's space. So a pair is dropped where image and caption disagree, whichever
    of them was made. The probe learns from the real pairs of 1..t, which count as consumed; from one half of the items,
    to be asked about the other, since a captioner's own loop captions the very images of the real pairs. But for the
    filter this is `accumulate_subsample`.

    Args:
        threshold: Least probability of a pair's own class, in (0, 1]; 0.5, likelier than all others together, is ours.
        k: Classes, 2 or more; 8 is ours.
    """

    name: ClassVar[str] = "latent_filter"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("new", "history", "real", "scores", "real_scores")}

    def __init__(self, threshold: float = 0.5, k: int = 8):
        self.threshold, self.k = share("threshold", threshold), whole("k", k, 2)

    def curate(self, ctx: Any) -> Pairs:
        """Return N pairs, none twice, in the order in which they were accumulated."""
        pools = [*ctx.history, ctx.new]
        real = [latents(s, r.ids, r.ids) for s, r in zip(ctx.real_scores, ctx.real, strict=True)]
        made = [latents(s, np.sort(p.ids), p.ids) for s, p in zip(ctx.scores, pools, strict=True)]
        sure = confidence(joined(real), joined(made), self.k, ctx.seed)
        everything = Pairs.concat([ctx.real[0], *pools])
        stays = np.flatnonzero(np.concatenate([np.ones(len(ctx.real[0]), bool), sure >= self.threshold]))
        ctx.note(passed=float(np.mean(sure >= self.threshold)))
        return everything.take(np.sort(stays[permutation(ctx.seed, len(stays))[: ctx.n]]))


Latents = dict[str, np.ndarray]


def latents(scores: Mapping[str, Latents], have: np.ndarray, wanted: np.ndarray) -> Latents:
    """Return "ids" (n,) and "images" and "captions" (n, d) float64, of length 1 and side by side for all scorers.

    Args:
        scores: What each scorer says of a pool of one draw.
        have: (n,) ids in the order of the scores.
        wanted: (n,) the same ids in the order asked for.
    """
    place = np.argsort(have, kind="stable")
    rows = place[np.searchsorted(have[place], wanted)]
    sides = {side: np.concatenate([unit(s[side][rows]) for s in scores.values()], 1) for side in ("images", "captions")}
    return {"ids": wanted, **sides}


def joined(parts: list[Latents]) -> Latents:
    """Return the latents of several pools as those of one."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def confidence(real: Latents, made: Latents, k: int, seed: int) -> np.ndarray:
    """Return the probability (n,) of each made pair's own class, by a probe that has seen no real pair of its item.

    Args:
        real: Latents of m real pairs.
        made: Latents of n made ones.
        k: Classes; a class that the probe has not seen gets 0.
        seed: Of the halves of the items.
    """
    centres = k_means(real["captions"], k)
    known, own = (nearest(part["captions"], centres) for part in (real, made))
    mine, others = (uniform(sample_seeds(seed, part["ids"])) < 0.5 for part in (made, real))
    found = np.empty(len(own))
    for half in (False, True):
        seen, asked = others != half, mine == half
        if not seen.any():  # too few items for two halves
            seen[:] = True
        if asked.any():
            found[asked] = probed(real["images"][seen], known[seen], made["images"][asked], own[asked])
    return found


def nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return which of `centres` (k, d) is nearest to each of `points` (n, d), the first of equals, (n,) int64."""
    return ((centres**2).sum(1) - 2 * points @ centres.T).argmin(1)


def probed(points: np.ndarray, classes: np.ndarray, asked: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return what a logistic regression gives to the class `own` of each of `asked`, (n,).

    What is least is the sum of the losses of `points` plus half of the squared coefficients, of features of unit
    variance.

    Args:
        points: (m, d) that it learns from.
        classes: (m,) theirs.
        asked: (n, d).
        own: (n,) theirs.
    """
    from sklearn.linear_model import LogisticRegression  # two seconds that planning does not have
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = np.unique(classes)
    if len(known) == 1:
        return (own == known[0]).astype(np.float64)
    probe = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky", tol=1e-8))
    shares = np.zeros((len(asked), max(known.max(), own.max()) + 1))
    shares[:, known] = probe.fit(points, classes).predict_proba(asked)
    return shares[np.arange(len(own)), own]

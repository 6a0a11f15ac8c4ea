"""Latent space filter: train on what a probe on latents of real pairs is surest of (2511.12742)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.candidates import unit
from benchmarks.mitigations.knobs import whole
from benchmarks.mitigations.self_correction import k_means
from benchmarks.seeds import permutation, sample_seeds, uniform
from datamodules.pairs import Pairs


class LatentFilter(Mitigation):
    """Train on the N pairs that the probe is surest of, of the real N of iteration 1 and the pools of 1..t.

    The paper's: a probe learns once, from latents of real data, which class they are of; of all data that have
    accumulated, real ones too, those N are trained on of which it gives most to the class that they were made for.
    There, classes are labels, and latents are the diffusion model's own. Ours: the class of a pair is the nearest of k
    centres that k-means finds among features of real captions, and the probe, a logistic regression with an L2 penalty,
    reads features of the image, both in the scorer's space. So a pair falls behind where image and caption disagree,
    whichever of them was made. The probe learns from the real pairs of iteration 1, from one half of the items, to be
    asked about the other: these pairs are asked about, too, and a captioner's own loop captions their very images.
    Among equals the seed decides.

    Args:
        k: Classes, 2 or more; 8 is ours.
    """

    name: ClassVar[str] = "latent_filter"
    version: ClassVar[int] = 2
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("new", "history", "real", "scores", "real_scores")}

    def __init__(self, k: int = 8):
        self.k = whole("k", k, 2)

    def curate(self, ctx: Any) -> Pairs:
        """Return N pairs, none twice, in the order in which they were accumulated."""
        first, pools = ctx.real[0], [*ctx.history, ctx.new]
        real = latents(ctx.real_scores[0], first.ids, first.ids)
        made = [latents(s, np.sort(p.ids), p.ids) for s, p in zip(ctx.scores, pools, strict=True)]
        everything = Pairs.concat([first, *pools])
        sure = confidence(real, joined([real, *made]), self.k, ctx.seed)
        chosen = np.sort(np.lexsort((permutation(ctx.seed, len(sure)), -sure))[: ctx.n])
        ctx.note(least=float(sure[chosen].min()), real=float(np.mean(chosen < len(first))))
        return everything.take(chosen)


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

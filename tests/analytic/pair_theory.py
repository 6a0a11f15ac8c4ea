"""What holds of the captioner-generator pair in this benchmark's loop, derived from the loop itself.

Setting: K classes on the line; p = the captioner's shares, (m, v) = the generator's moments. In an iteration,
n prompts are drawn into images x_i ~ N(m, v)[prompt], captions are drawn from p_k N(x; captioner's moments of
k), and both models are refitted to (image, caption). The model class is that of 2503.08117; its loop is not
ours (there, results are on the paper's own update), so nothing below is quoted from it: each statement says
what is proved here.

Closed loop: the prompts of t + 1 are the captions of t, a fixed list whose frequencies are exactly p_t.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import binom, norm

_NODES = np.linspace(-10.0, 10.0, 2001)


def confusion(shares: np.ndarray, means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Return (K, K) chances that an image of class c is captioned k by a captioner that knows the moments.

    Rows sum to one, and shares @ confusion == shares: prompt and caption of an image are exchangeable, given
    the image both follow the posterior. A trapezoid sum over 20 standard deviations; for the smooth integrand
    at hand it converges faster than any power of the step.

    Args:
        shares: (K,) of the captioner.
        means: (K,) of generator and captioner.
        variances: (K,) likewise, above 0.
    """
    sd = np.sqrt(variances)
    x = means[:, None] + sd[:, None] * _NODES
    with np.errstate(divide="ignore"):
        logits = np.log(shares) + norm.logpdf(x[..., None], means, sd)
    posterior = np.exp(logits - logits.max(-1, keepdims=True))
    posterior /= posterior.sum(-1, keepdims=True)
    weights = norm.pdf(_NODES)
    return np.einsum("cxk,x->ck", posterior, weights / weights.sum())


def diversity_loss(shares: np.ndarray, kernel: np.ndarray, n: int) -> float:
    """Return H(p) - E[H(p')] of one closed-loop iteration whose captioner knows the generator's moments.

    The n captions are independent given the prompts, so E[p'] = p @ kernel = p and p'_k has the variance
    sum_c p_c K_ck (1 - K_ck) / n; H falls by their sum. As p_k is the p-weighted mean of K_ck and y (1 - y)
    is concave, the loss lies between 0 (classes that never mix) and H(p) / n (an image that says nothing,
    Wright-Fisher):

        (1 - 1/n) H(p)  <=  E[H(p')]  <=  H(p).

    With overlapping classes the loss is positive as long as two classes are left. Under a *frozen* image
    model p_t is thus a bounded martingale whose only limits are single classes: text diversity goes to 0.
    Under a *live* one the kernel sharpens as images contract (`contraction_residual`), and the loss may stop
    before diversity is gone.
    """
    return float((shares @ (kernel * (1.0 - kernel))).sum() / n)


def anchor_map(prompts: np.ndarray, shares: np.ndarray, means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Return E[p'] (K,) when prompts have shares of their own (real captions, a corpus) and not those of p.

    It is one step of expectation maximisation for mixture weights with known components, on data whose true
    weights are ``prompts``: the likelihood is concave in the weights, with its only maximum there, so the
    step leads back to the prompts' shares from every interior p. Real or corpus prompts thus hold text
    against drift, the better the more images tell classes apart; where they tell nothing the step is the
    identity and Wright-Fisher drift remains. They do not bring back what is gone: a share of 0 stays 0, so
    every class is lost at last, if after a time that grows fast with n and the distance of the classes
    (`reading_law` has the exact numbers). Only real captions *in the pool* (`theory.fresh_heterozygosity`)
    have a stationary state.
    """
    return prompts @ confusion(shares, means, variances)


def reading_law(
    n: int,
    share: float,
    means: np.ndarray,
    variances: np.ndarray,
    prompts: np.ndarray,
    T: int,
    closed: bool,
) -> np.ndarray:
    """Return (T, n + 1): row t - 1 is the exact law of the count of class 0 among n captions, for K = 2.

    The image model is frozen at (means, variances), which the captioner reads with; only its shares are live.
    Given the prompt count y and the shares, the count is Binomial(y, K_00) + Binomial(n - y, K_10).

    Args:
        n: Pairs of an iteration.
        share: Of class 0 in the base captioner.
        means: (2,).
        variances: (2,).
        prompts: (n + 1,) law of the count of class 0 among the n real prompts of an iteration, see
            `theory.count_law`.
        T: Last iteration.
        closed: Whether prompts are real at t = 1 only and the previous captions later, or real always.
    """
    first = _mixture(n, prompts, confusion(np.array([share, 1.0 - share]), means, variances))
    step = np.empty((n + 1, n + 1))
    for count in range(n + 1):
        kernel = confusion(np.array([count, n - count]) / n, means, variances)
        law = np.eye(n + 1)[count] if closed else prompts
        step[count] = _mixture(n, law, kernel)
    laws = [first]
    for _ in range(T - 1):
        laws.append(laws[-1] @ step)
    return np.stack(laws)


def two_class_heterozygosity(law: np.ndarray) -> np.ndarray:
    """Return E[H] = E[2 f (1 - f)] from count laws (..., n + 1)."""
    frequencies = np.arange(law.shape[-1]) / (law.shape[-1] - 1)
    return law @ (2.0 * frequencies * (1.0 - frequencies))


def contraction_residual(total: np.ndarray, within: np.ndarray, n: int) -> np.ndarray:
    """Return what has expectation 0 at every iteration of a closed loop with a live generator.

    With V the variance of all images of a set and W the mean of the variances within captioned classes (both
    divided by n), the next set is drawn from the generator fitted to this one, with prompts of exactly its
    captions. By the identities (a) and (b) of `theory`, whoever wrote the captions,

        E[V_{t+1} | t] = V_t - W_t / n,   so   V_t - V_1 + (1/n) sum_{s=1}^{t-1} W_s  has mean 0.

    As V stays above 0, the sum of E[W] is at most n E[V_1]: within-class diversity of images vanishes, E[W_t]
    -> 0. How fast depends on the captions: a class with m of them loses 1/m an iteration
    (`theory.retention`), so frequent texts keep their images' diversity longest and rare ones lose it first
    (the Matthew effect of 2503.08117).

    Args:
        total: (..., T) V of the sets 1..T.
        within: (..., T) W of the sets 1..T.
        n: Pairs of each set.

    Returns:
        (..., T) residuals; the first is 0.
    """
    spent = np.concatenate([np.zeros_like(within[..., :1]), np.cumsum(within[..., :-1], axis=-1)], axis=-1)
    return total - total[..., :1] + spent / n


def _mixture(n: int, prompts: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return the (n + 1,) law of the caption count of class 0, given that of the prompt count."""
    law = np.zeros(n + 1)
    for y in np.flatnonzero(prompts):
        own = binom.pmf(np.arange(y + 1), y, kernel[0, 0])
        other = binom.pmf(np.arange(n - y + 1), n - y, kernel[1, 0])
        law += prompts[y] * np.convolve(own, other)
    return law

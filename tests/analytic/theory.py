"""What theory says of one model refitted to its own samples: closed forms and exact recursions.

Images are in units of the base variance: every function takes the base generator to be N(0, 1), and by shift
and scale its results hold for any. n is the size of a pool, t the iteration, T the last one; arrays over
iterations start with the base model at 0. Derivations use three identities of n independent x_i with means
mu_i and variances v_i, x the sample mean, S = mean of (x_i - x)^2:

    (a)  E[x] = mean(mu_i),  Var[x] = mean(v_i) / n
    (b)  E[S] = (1 - 1/n) mean(v_i) + variance(mu_i)
    (c)  for Gaussian x_i of one class, n S / v is chi-squared with n - 1 degrees of freedom.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import polygamma, psi
from scipy.stats import binom, hypergeom

# -- a Gaussian refitted to n of its own samples (2305.17493, 2307.01850) -----------------------------------


def refit_variance(n: int, t: int | np.ndarray) -> np.ndarray:
    """Return E[v_t] = (1 - 1/n)^t: (b) with equal means, iterated."""
    return np.asarray((1.0 - 1.0 / n) ** np.asarray(t))


def refit_variance_square(n: int, t: int | np.ndarray) -> np.ndarray:
    """Return E[v_t^2] = (1 - 1/n^2)^t: by (c), E[(v_t / v_{t-1})^2] = (n - 1)(n + 1) / n^2."""
    return np.asarray((1.0 - 1.0 / n**2) ** np.asarray(t))


def refit_log_variance(n: int, t: int | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of log v_t, a sum of t independent log(chi2_{n-1} / n) by (c).

    The law of v_t is skewed: its mean falls by 1/n an iteration, its median by more, and its spread grows until
    it hides the fall. On the log scale the same samples show it far more sharply.
    """
    t, half = np.asarray(t), (n - 1) / 2.0
    return t * (psi(half) + math.log(2.0 / n)), t * polygamma(1, half)


def refit_drift(n: int, t: int | np.ndarray) -> np.ndarray:
    """Return E[(mu_t - mu_0)^2] = 1 - (1 - 1/n)^t.

    By (a) the squared step adds E[v_s] / n, by (b) the variance loses as much: E[v_t] + E[(mu_t - mu_0)^2] is
    kept. So the drift is bounded by the base variance however long the loop runs, which is the bounded
    fidelity that 2503.08117 states for a frozen text model.
    """
    return 1.0 - refit_variance(n, t)


def count_law(split: int, members: int, n: int) -> np.ndarray:
    """Return the (n + 1,) law of a class's count among n items drawn without repeats from a split.

    Args:
        split: Items of the split.
        members: Items of the split that are of the class.
        n: Items drawn.
    """
    return hypergeom(split, members, n).pmf(np.arange(n + 1))


def retention(law: np.ndarray) -> np.ndarray:
    """Return (n + 1,) factors a(m) of a class variance when m images of it are seen: 1 - 1/m, 1 for m = 0.

    One image leaves no variance; a class that is not seen keeps its parameters.
    """
    m = np.arange(len(law))
    return np.where(m == 0, 1.0, 1.0 - 1.0 / np.maximum(m, 1))


def class_variance(law: np.ndarray, T: int, same: bool = False) -> np.ndarray:
    """Return (T + 1,) E[v_t] of one class whose count at each iteration follows ``law`` (n + 1,).

    Args:
        law: Law of the count, e.g. `count_law`.
        T: Last iteration.
        same: Whether one count is drawn and kept (closed loop with faithful captions) or a new one each time
            (real prompts). Given the counts, E[v_t] is the product of a(m_s): independent counts give E[a]^t,
            one count E[a^t]. E[v_t] + E[drift] = 1 in both, by the argument of `refit_drift`.
    """
    t = np.arange(T + 1)
    factors = retention(law)
    return (law @ factors[:, None] ** t) if same else (law @ factors) ** t


def class_variance_square(law: np.ndarray, T: int, same: bool = False) -> np.ndarray:
    """Return (T + 1,) E[v_t^2] of one class, as `class_variance` with factors 1 - 1/m^2 (1 for m = 0).

    A rare class is nearly always at 0 after a while, its mean rests on few seeds: test it with this spread.
    """
    t, m = np.arange(T + 1), np.arange(len(law))
    factors = np.where(m == 0, 1.0, 1.0 - 1.0 / np.maximum(m, 1) ** 2)
    return (law @ factors[:, None] ** t) if same else (law @ factors) ** t


# -- accumulation (2404.01413) ------------------------------------------------------------------------------


def finite_sample(values: np.ndarray, n: int, mean: float = 0.0, variance: float = 1.0) -> tuple[float, float]:
    """Return E[S] and E[(x - mean)^2] / variance of n items drawn without repeats from ``values`` (M,).

    Args:
        values: A whole split, M numbers.
        n: Items drawn, at most M.
        mean: Of the base generator.
        variance: Of the base generator, the unit of both results.
    """
    spread = float(np.var(values, ddof=1))
    offset = spread * (1.0 / n - 1.0 / len(values)) + (float(np.mean(values)) - mean) ** 2
    return (1.0 - 1.0 / n) * spread / variance, offset / variance


def accumulate(
    n: int, T: int, spread: float | None = None, offset: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return (T + 1,) E[v_t] and E[(mu_t - mu_0)^2] of a Gaussian fitted to n real and all synthetic items.

    The pool of iteration t holds n real items and n synthetic ones of each iteration so far. Its mean moves
    by (x - mu) / (t + 1), where x is the mean of the new items, and its variance becomes
    t/(t+1) v + 1/(t+1) S + t/(t+1)^2 (x - mu)^2. For t >= 2 the new items come from the pool's own fit, so by
    (a), (b)

        E[v_t] = E[v_{t-1}] (1 - 1 / (n (t + 1)^2)),      E[d_t] = E[d_{t-1}] + E[v_{t-1}] / (n (t + 1)^2).

    The factors' product converges: variance stays bounded away from 0 (`accumulate_limit`), where replacing
    loses all. The 1/t^2 steps are those behind the pi^2 / 6 bound of 2404.01413, which is on linear
    regression.

    Args:
        n: Real items, and synthetic ones of each iteration.
        T: Last iteration.
        spread: E[S] of the real items; 1 - 1/n where they are n independent draws of the base.
        offset: Expected squared distance of their mean from the base mean; 1/n likewise.
    """
    spread = 1.0 - 1.0 / n if spread is None else spread
    offset = 1.0 / n if offset is None else offset
    variance, drift = np.ones(T + 1), np.zeros(T + 1)
    for t in range(1, T + 1):
        step = 1.0 / (n * (t + 1) ** 2)
        if t == 1:  # The first generator is the base, not a fit of the real items.
            variance[1] = 0.5 * spread + 0.5 * (1.0 - 1.0 / n) + 0.25 * (1.0 / n + offset)
            drift[1] = 0.25 * (offset + 1.0 / n)
        else:
            variance[t] = variance[t - 1] * (1.0 - step)
            drift[t] = drift[t - 1] + variance[t - 1] * step
    return variance, drift


def accumulate_limit(n: int) -> float:
    """Return the limit of E[v_t] / E[v_1] under accumulation.

    The product over k >= 3 of (1 - a^2 / k^2), a^2 = 1/n, is sin(pi a) / (pi a (1 - a^2) (1 - a^2 / 4)) by
    Euler's product for the sine; at n = 1 its limit, 2/3.
    """
    if n == 1:
        return 2.0 / 3.0
    a = 1.0 / math.sqrt(n)
    return math.sin(math.pi * a) / (math.pi * a * (1.0 - a**2) * (1.0 - a**2 / 4.0))


# -- content injection: real items beside synthetic ones ----------------------------------------------------


def fresh_images(n_synthetic: int, n_real: int, T: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (T + 1,) E[v_t] and E[(mu_t - mu_0)^2] with fresh draws of the base in every pool.

    With q the synthetic share of a pool of m and u = q v + 1 - q, (a) and (b) give
    v' = (1 - 1/m) u + q (1 - q) d and d' = q^2 d + u / m: linear, with a positive fixed point for q < 1. This
    is the user-content injection of 2503.08117, in one class.
    """
    m = n_synthetic + n_real
    q = n_synthetic / m
    variance, drift = np.ones(T + 1), np.zeros(T + 1)
    for t in range(1, T + 1):
        mixed = q * variance[t - 1] + 1.0 - q
        variance[t] = (1.0 - 1.0 / m) * mixed + q * (1.0 - q) * drift[t - 1]
        drift[t] = q**2 * drift[t - 1] + mixed / m
    return variance, drift


def kept_images(
    n_synthetic: int, n_real: int, T: int, spread: float | None = None, offset: float | None = None
) -> np.ndarray:
    """Return (T + 1,) E[v_t] with one and the same real set in every pool.

    Given the real set, with mean r and variance s: v' = q S + (1 - q) s + q (1 - q) (x - r)^2 and mu' - r = q
    (x - r), so with e = E[(mu - r)^2]: v' = q (1 - 1/n_synthetic) v + (1 - q) s + q (1 - q) (e + v /
    n_synthetic) and e' = q^2 (e + v / n_synthetic). Linear in s, so E[s] is enough.

    Args:
        n_synthetic: Synthetic items of a pool.
        n_real: Real items of a pool.
        T: Last iteration.
        spread: E[s]; 1 - 1/n_real for independent draws of the base.
        offset: E[(r - mu_0)^2]; 1/n_real likewise.
    """
    spread = 1.0 - 1.0 / n_real if spread is None else spread
    apart = 1.0 / n_real if offset is None else offset
    q = n_synthetic / (n_synthetic + n_real)
    variance = np.ones(T + 1)
    for t in range(1, T + 1):
        v = variance[t - 1]
        moved = apart + v / n_synthetic
        variance[t] = q * (1.0 - 1.0 / n_synthetic) * v + (1.0 - q) * spread + q * (1.0 - q) * moved
        apart = q**2 * moved
    return variance


# -- a categorical law refitted to n of its own samples: Wright-Fisher drift --------------------------------


def drift_heterozygosity(n: int, t: int | np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return E[H_t] = H_0 (1 - 1/n)^t, H = 1 - sum of squared shares.

    Counts are multinomial, so E[p'^2] = p^2 + p (1 - p) / n for every class; summed, H loses the share 1/n.
    This is the neutral Wright-Fisher model of population genetics with n gene copies.
    """
    return (1.0 - float((shares**2).sum())) * refit_variance(n, t)


def drift_law(n: int, share: float, T: int) -> np.ndarray:
    """Return (T, n + 1): row t - 1 is the exact law of a class's count at iteration t >= 1.

    The count is a Markov chain on its own: X_1 is Binomial(n, share), X_{t+1} given X_t Binomial(n, X_t / n),
    however many other classes there are. Mass at 0 is extinction and stays.
    """
    counts = np.arange(n + 1)
    step = binom.pmf(counts[None, :], n, counts[:, None] / n)
    laws = [binom.pmf(counts, n, share)]
    for _ in range(T - 1):
        laws.append(laws[-1] @ step)
    return np.stack(laws)


def alive(law: np.ndarray) -> np.ndarray:
    """Return the probability that a class still occurs, from its count law (..., n + 1)."""
    return 1.0 - law[..., 0]


def survival(law: np.ndarray, share: float) -> np.ndarray:
    """Return E[min(1, frequency / share)] of a class, from its count law (..., n + 1)."""
    frequencies = np.arange(law.shape[-1]) / (law.shape[-1] - 1)
    return law @ np.minimum(1.0, frequencies / share)


def accumulate_heterozygosity(n: int, T: int, shares: np.ndarray, split: np.ndarray | None = None) -> np.ndarray:
    """Return (T + 1,) E[H_t] for a categorical law fitted to n real captions and all synthetic ones.

    For t >= 2 new captions come from the pool's own frequencies p, and p' = (t p + f) / (t + 1) has variance
    p (1 - p) / (n (t + 1)^2): the factor of E[H] is that of the variance in `accumulate`.

    Args:
        n: Real captions, and synthetic ones of each iteration.
        T: Last iteration.
        shares: (K,) of the base captioner.
        split: (K,) class counts of the split that the real captions are drawn from without repeats; None for
            independent draws of ``shares``.
    """
    real, correction = shares, 1.0
    if split is not None:
        size = split.sum()
        real, correction = split / size, (size - n) / (size - 1)
    seen = real**2 + real * (1.0 - real) / n * correction
    made = shares**2 + shares * (1.0 - shares) / n
    values = np.empty(T + 1)
    values[0] = 1.0 - (shares**2).sum()
    for t in range(1, T + 1):
        if t == 1:
            values[1] = 1.0 - 0.25 * (seen + made + 2.0 * real * shares).sum()
        else:
            values[t] = values[t - 1] * (1.0 - 1.0 / (n * (t + 1) ** 2))
    return values


def fresh_heterozygosity(n_synthetic: int, n_real: int, T: int, shares: np.ndarray) -> np.ndarray:
    """Return (T + 1,) E[H_t] with n_real fresh draws of the base shares p in a pool, q the synthetic share.

    E[p_t] stays p, so with Q = E[sum p_t^2] and P = sum p^2:
    Q' = q^2 (Q + (1 - Q) / n_synthetic) + 2 q (1 - q) P + (1 - q)^2 (P + (1 - P) / n_real). Its fixed point
    is below 1 for q < 1: diversity survives, as 2503.08117 has it for random corpus injection.
    """
    q = n_synthetic / (n_synthetic + n_real)
    base = float((shares**2).sum())
    anchored = 2.0 * q * (1.0 - q) * base + (1.0 - q) ** 2 * (base + (1.0 - base) / n_real)
    values = [1.0 - base]
    for _ in range(T):
        squares = 1.0 - values[-1]
        values.append(1.0 - (q**2 * (squares + (1.0 - squares) / n_synthetic) + anchored))
    return np.array(values)

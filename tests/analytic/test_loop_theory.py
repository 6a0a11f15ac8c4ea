"""Simulated loops against closed forms; seeds are fixed, agreement.py states the false-alarm rates."""

from __future__ import annotations

import numpy as np
import pytest

from tests.analytic import pair_theory, theory
from tests.analytic.agreement import assert_between, assert_falls, assert_mean, power, stacked
from tests.analytic.loops import accumulated, make, run

pytestmark = pytest.mark.theory
N, T, SEEDS = 32, 10, 400


def simulate(read, build, n=N, iterations=T, seeds=SEEDS, **options):
    """{seed: (iterations,) read(pool, generator, captioner)}."""
    data = build()[0]
    results = {}
    for seed in range(seeds):
        _, generator, captioner = build()
        generator = None if options.get("images") == "real" else generator
        captioner = None if options.get("captions") == "prompt" else captioner
        flags = {k: v for k, v in options.items() if k not in ("images", "captions")}
        results[seed] = np.array(
            [read(*turn) for turn in run(data, generator, captioner, n, iterations, seed, **flags)]
        )
    return results


def pick(results, column):
    return {seed: rows[:, column] for seed, rows in results.items()}


def heterozygosity(shares):
    return 1 - (shares**2).sum()


def test_a_gaussian_refitted_to_its_own_samples_loses_variance_and_keeps_the_second_moment():
    results = simulate(lambda p, g, c: (g.variances[0], g.means[0] ** 2), make, captions="prompt")
    t = np.arange(1, T + 1)
    square = theory.refit_variance_square(N, t)
    sd = np.sqrt(square - theory.refit_variance(N, t) ** 2)
    assert_mean(pick(results, 0), theory.refit_variance(N, t), sd)
    assert_mean(pick(results, 1), theory.refit_drift(N, t))
    assert_mean({s: rows.sum(1) for s, rows in results.items()}, np.ones(T))
    assert power(1 - theory.refit_variance(N, T), sd[-1], SEEDS, T) > 0.999


def test_classes_contract_by_their_counts_and_the_rarest_first():
    def build():
        return make(classes=3, spacing=40.0, probabilities=[0.6, 0.3, 0.1])

    data = build()[0]
    size = data.sizes["prompts"]
    members = np.bincount(data.classes("prompts", np.arange(size)), minlength=3)
    laws = [theory.count_law(size, int(m), N) for m in members]

    def expected(law, same):
        mean = theory.class_variance(law, T, same)[1:]
        return mean, np.sqrt(theory.class_variance_square(law, T, same)[1:] - mean**2)

    results = simulate(lambda p, g, c: g.variances, build, captions="prompt")
    for k in range(3):
        assert_mean(pick(results, k), *expected(laws[k], same=False))
    ends = [theory.class_variance(law, T)[-1] for law in laws]
    assert ends[0] > ends[1] > ends[2]
    frozen = simulate(
        lambda p, g, c: g.variances,
        lambda: make(classes=3, spacing=40.0, probabilities=[0.6, 0.3, 0.1], reads=True),
        closed=True,
        frozen=("captioner",),
    )
    for k in range(3):
        assert_mean(pick(frozen, k), *expected(laws[k], same=True))


def test_accumulated_data_bound_the_loss_where_replacement_does_not():
    data = make()[0]
    spread, offset = theory.finite_sample(data.images("prompts", np.arange(data.sizes["prompts"])), N)
    variance, drift = theory.accumulate(N, T, spread, offset)
    results = simulate(lambda p, g, c: (g.variances[0], g.means[0] ** 2), make, captions="prompt", curate=accumulated)
    assert_mean(pick(results, 0), variance[1:])
    assert_mean(pick(results, 1), drift[1:])
    assert variance[-1] > 0.95 > 0.75 > theory.refit_variance(N, T)


def test_a_captioner_that_does_not_look_drifts_like_genes():
    def build():
        return make(classes=9)

    captioner = build()[2]
    tail = [6, 7, 8]
    results = simulate(
        lambda p, g, c: (heterozygosity(c.shares), *(c.shares[tail] > 0), *c.shares[tail]),
        build,
        images="real",
    )
    shares = captioner.shares
    assert_mean(pick(results, 0), theory.drift_heterozygosity(N, np.arange(1, T + 1), shares))
    for column, k in enumerate(tail):
        law = theory.drift_law(N, shares[k], T)
        assert_mean(pick(results, 1 + column), theory.alive(law))
        kept = {s: np.minimum(1, rows[:, 4 + column] / shares[k]) for s, rows in results.items()}
        assert_mean(kept, theory.survival(law, shares[k]))


def test_accumulated_captions_keep_their_diversity():
    def build():
        return make(classes=9)

    data, _, captioner = build()
    split = np.bincount(data.classes("prompts", np.arange(data.sizes["prompts"])), minlength=9)
    expected = theory.accumulate_heterozygosity(N, T, captioner.shares, split)
    results = simulate(lambda p, g, c: heterozygosity(c.shares), build, images="real", curate=accumulated)
    assert_mean(results, expected[1:])
    assert expected[-1] / expected[0] > 0.95


@pytest.mark.parametrize("closed", [True, False])
def test_under_a_frozen_image_model_text_drifts_in_a_closed_loop_and_is_held_by_real_prompts(closed):
    def build():
        return make(classes=2, spacing=2.0, probabilities=[0.7, 0.3], reads=True)

    data, generator, _ = build()
    size = data.sizes["prompts"]
    prompts = theory.count_law(size, int((data.classes("prompts", np.arange(size)) == 0).sum()), N)

    def expected(iterations):
        law = pair_theory.reading_law(N, 0.7, generator.means, generator.variances, prompts, iterations, closed)
        return pair_theory.two_class_heterozygosity(law)

    results = simulate(lambda p, g, c: heterozygosity(c.shares), build, closed=closed, frozen=("generator",))
    assert_mean(results, expected(T))
    late = expected(400)
    assert (np.diff(late) < 0).all()
    if closed:
        assert_falls(results)
        assert (late >= late[0] * theory.refit_variance(N, np.arange(400)) - 1e-12).all()
        assert late[49] < 0.4 * late[0]
        assert late[-1] < 0.001
    else:
        assert late[49] > 0.95 * late[0]
        assert late[-1] > 0.9 * late[0]


def test_both_live_images_contract_by_exactly_what_is_spent_and_text_never_gains():
    def build():
        return make(classes=3, spacing=1.0, zipf=0.5, reads=True, learns=True)

    def read(pool, generator, captioner):
        m, v, p = generator.means, generator.variances, captioner.shares
        return pool.images.var(), p @ v, heterozygosity(p), p @ (v + m**2) - (p @ m) ** 2

    results = simulate(read, build, closed=True)
    rows = stacked(results)
    np.testing.assert_allclose(rows[..., 3], rows[..., 0], rtol=1e-9)
    residual = pair_theory.contraction_residual(rows[..., 0], rows[..., 1], N)
    assert_mean(dict(enumerate(residual)), np.zeros(T))
    assert_falls(pick(results, 1))
    floor = rows[:, 0, 2].mean() * theory.refit_variance(N, np.arange(T))
    assert_between(pick(results, 2), floor, np.full(T, rows[:, 0, 2].mean()))

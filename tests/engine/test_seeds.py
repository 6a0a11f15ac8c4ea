"""Random numbers: from what they are for, and from nothing else."""

from __future__ import annotations

import numpy as np

from benchmarks.seeds import draw_items, permutation, sample_seeds, step_seed


def test_sample_seeds_depend_on_the_sample_alone() -> None:
    ids = np.arange(100)
    whole = sample_seeds(7, ids)
    assert np.array_equal(whole[40:50], sample_seeds(7, ids[40:50]))
    assert np.array_equal(whole[::-1], sample_seeds(7, ids[::-1]))
    assert len(set(whole.tolist())) == 100
    assert not np.intersect1d(whole, sample_seeds(8, ids)).size
    assert not np.intersect1d(whole, sample_seeds(7, ids, 1)).size


def test_golden_values() -> None:
    assert step_seed(0, "captioner", 1) == 2227100772837014676
    assert sample_seeds(1, np.array([0, 1])).tolist() == [7434303198761161278, 10642121218802667451]
    assert draw_items(0, 1, 4, 100).tolist() == [29, 52, 56, 60]


def test_step_seeds_differ() -> None:
    seeds = {step_seed(s, p, t, m) for s in (0, 1) for p in ("a", "b") for t in (1, 2) for m in (0, 1)}
    assert len(seeds) == 16
    assert all(0 <= s < 2**63 for s in seeds)


def test_items_do_not_repeat_and_smaller_draws_are_prefixes() -> None:
    items = draw_items(3, 2, 50, 60)
    assert len(set(items.tolist())) == 50
    assert np.array_equal(items[:20], draw_items(3, 2, 20, 60))
    assert not np.array_equal(items, draw_items(3, 3, 50, 60))
    assert sorted(permutation(5, 30).tolist()) == list(range(30))

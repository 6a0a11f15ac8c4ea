from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from benchmarks.metrics.floors import floor_draws, image_floor_view
from benchmarks.metrics.images.memorisation import ImageMemorisation, nearer_to_training
from benchmarks.metrics.view import View


@pytest.fixture
def laws():
    """Training, held-out and further real items of one law."""
    return np.random.default_rng(0).normal(size=(3, 400, 6))


def test_by_loops(laws):
    train, held_out, fake = laws[:, :30]
    both = np.concatenate([held_out[:1], train[:1]])  # items that are in both sets are level
    fake = np.concatenate([fake, train[:3], held_out[:3]])
    train, held_out = np.concatenate([train, both]), np.concatenate([held_out, both])

    def nearest(x, items):
        return min(np.linalg.norm(x - y) for y in items)

    pairs = [(nearest(x, train), nearest(x, held_out)) for x in fake]
    expected = [0.5 if a == b else float(a < b) for a, b in pairs]
    assert nearer_to_training(fake, train, held_out)[0].tolist() == expected
    assert expected[30:] == [0.5, 1, 1, 0.5, 0, 0]
    assert {0, 1} < set(expected[:30])


def test_the_spread_is_that_of_exchanging_labels(laws):
    real, fake = laws[0], np.concatenate([laws[1][:100], laws[1][:60] * 0.2])  # some of them crowd
    rng = np.random.default_rng(3)
    shares, spreads = [], []
    for _ in range(300):
        order = rng.permutation(60)
        scores, spread = nearer_to_training(fake, real[order[:30]], real[order[30:]])
        shares.append(scores.mean())
        spreads.append(spread)
    assert spreads == pytest.approx([spreads[0]] * 300)
    assert np.std(shares) == pytest.approx(spreads[0], rel=0.15)
    assert np.mean(shares) == pytest.approx(0.5, abs=4 * spreads[0] / np.sqrt(300))


def score(evaluate, train, held_out, fake):
    values = evaluate(ImageMemorisation(), View(features=fake, real_features=held_out, train_features=train))
    return values["memorisation"], values["memorisation_z"]


def test_copies_are_found_and_bad_images_are_not_copies(laws, evaluate):
    train, held_out, fresh = laws
    copies = train + 0.01 * np.random.default_rng(1).normal(size=train.shape)
    share, z = score(evaluate, train, held_out, copies)
    assert share > 0.99
    assert z > 10
    half = np.where(np.arange(400)[:, None] % 2, fresh, train)
    share, z = score(evaluate, train, held_out, half)
    assert share == pytest.approx(0.75, abs=0.1)
    assert z > 6
    share, z = score(evaluate, train, held_out, held_out)
    assert share == 0
    assert z < -10
    # Good, contracted, shifted and noisy images are no nearer to the training ones than to others of their law.
    for honest in (fresh, 0.3 * fresh, 0.01 * fresh, fresh + 1, 2 * fresh):
        assert abs(score(evaluate, train, held_out, honest)[1]) < 3.5


def test_real_images_are_at_one_half(laws):
    evaluation, floor = (View(features=items, train_features=laws[0]) for items in laws[1:])
    floors = floor_draws(ImageMemorisation, partial(image_floor_view, evaluation, floor))
    assert floors["memorisation"]["value"] == pytest.approx(0.5, abs=0.06)
    assert floors["memorisation_z"]["value"] == pytest.approx(0, abs=2.5)
    assert floors["memorisation"]["minimum_effect"] > 0


def test_unequal_sets_say_nothing(laws, evaluate):
    family = ImageMemorisation()
    view = View(features=laws[0], real_features=laws[1], train_features=laws[2][:300])
    assert evaluate(family, view) == {}
    assert family.absent == dict.fromkeys(family.declares, "training and held-out images are not equally many")

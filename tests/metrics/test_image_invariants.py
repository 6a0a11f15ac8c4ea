"""What holds for any features: order, batches, copies, and processes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.distributed as distributed
import torch.multiprocessing as processes
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.metrics.captions.clipscore import ClipScore
from benchmarks.metrics.images.cmmd import ImageCmmd
from benchmarks.metrics.images.distance import ImageDistance
from benchmarks.metrics.images.diversity import ImageDiversity
from benchmarks.metrics.images.memorisation import ImageMemorisation
from benchmarks.metrics.view import View

FAMILIES = [ImageDistance, ImageCmmd, ImageDiversity, ImageMemorisation, ClipScore]


def values_of(family, *views):
    metric = family()
    for view in views:
        metric.update(view)
    return {name: float(value) for name, value in metric.compute().items()}


def any_view(seed, n, d):
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(d, d)) * rng.choice([0.1, 1, 10])

    def items(*shape):
        return rng.normal(size=(*shape, d)) @ mix + rng.choice([0, 1, 30])

    return View(
        features=items(n), real_features=items(n), paired_features=items(n), train_features=items(n),
        reference_features=items(n, 3), draw_features=items(8, 4),
    )  # fmt: skip


shapes = st.tuples(st.integers(0, 10**6), st.integers(20, 90), st.integers(2, 40))
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)


def close(values):
    """Equal to rounding; kernel values are small differences of large sums."""
    return pytest.approx(values, rel=1e-6, abs=1e-7 * max(1, *map(abs, values.values())))


@each_family
@settings(deadline=None, max_examples=15, derandomize=True)
@given(shape=shapes, parts=st.integers(1, 5), shuffle=st.integers(0, 99))
def test_order_and_batches_do_not_matter(family, shape, parts, shuffle):
    view = any_view(*shape)
    order = np.random.default_rng(shuffle).permutation(len(view.features))
    batches = [view.take(part) for part in np.array_split(order, parts)]
    draws = np.array_split(view.draw_features, parts)
    batches = [batch.with_(draw_features=part) for batch, part in zip(batches, draws, strict=True)]
    assert values_of(family, *batches) == close(values_of(family, view))


@settings(deadline=None, max_examples=15, derandomize=True)
@given(shape=shapes)
def test_equal_sets_are_at_the_floor(shape):
    view = any_view(*shape)
    view = view.with_(features=view.real_features)
    values, scale = values_of(ImageDistance, view), float(np.var(view.real_features, axis=0).sum())
    assert values["frechet"] == pytest.approx(0, abs=1e-7 * scale)
    assert values["precision"] == values["recall"] == values["coverage"] == 1
    assert values["density"] >= 1
    assert values["kernel"] <= 0  # every pair of an item with itself is between the sets
    assert values_of(ImageCmmd, view)["cmmd"] <= 0


@settings(deadline=None, max_examples=15, derandomize=True)
@given(seed=st.integers(0, 10**6), d=st.integers(12, 40))  # in few dimensions half of the items span as much as all
def test_copies_of_half_of_the_images_lower_recall_coverage_and_vendi(seed, d):
    rng = np.random.default_rng(seed)
    real, fake = rng.normal(size=(2, 200, d))
    fake[100:] *= 1.01  # no two alike
    half = np.concatenate([fake[:100]] * 2)
    good, bad = (
        {**values_of(ImageDistance, view), **values_of(ImageDiversity, view)}
        for view in (
            View(features=items, real_features=real, draw_features=real.reshape(50, 4, d)) for items in (fake, half)
        )
    )
    assert bad["recall"] < good["recall"]
    assert bad["coverage"] < good["coverage"]
    assert bad["vendi"] < good["vendi"]


@each_family
def test_an_order_of_magnitude_is_kept_apart_from_rounding(family):
    """Far from zero, with little spread: the numbers are those of the same items nearer to it."""
    view = any_view(3, 60, 8)
    if family in (ImageDistance, ImageMemorisation):
        moved = view.with_(
            **{name: getattr(view, name) + 1e4 for name in ("features", "real_features", "train_features")}
        )
        here, there = values_of(family, view), values_of(family, moved)
        for values in (here, there):
            values.pop("kernel", None)  # of raw features, so it does move
        assert there == pytest.approx(here, rel=1e-5)
    else:
        longer = view.with_(
            **{name: getattr(view, name) * 1e4 for name in ("features", "real_features", "paired_features")}
        )
        assert values_of(family, longer) == pytest.approx(values_of(family, view), rel=1e-6, abs=1e-9)


def _share(rank, meeting, families, queue):
    distributed.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=2)
    view = any_view(1, 60, 8)
    part, draws = np.arange(60)[rank * 25 : 25 + rank * 35], np.arange(8)[rank * 3 : 3 + rank * 5]
    mine = view.take(part).with_(draw_features=view.draw_features[draws])
    found = [values_of(family, mine) for family in families]
    distributed.destroy_process_group()
    queue.put((rank, found))


@pytest.mark.slow
def test_two_processes_compute_what_one_does(tmp_path):
    with torch.multiprocessing.get_context("spawn").Manager() as manager:
        queue = manager.Queue()
        processes.spawn(_share, (tmp_path / "meeting", FAMILIES, queue), nprocs=2)
        shares = dict(queue.get() for _ in range(2))
    view = any_view(1, 60, 8)
    for number, family in enumerate(FAMILIES):
        for rank in (0, 1):
            assert shares[rank][number] == close(values_of(family, view))


def test_equal_images_have_no_rank_though_a_judge_rounds_each_batch_its_own_way(evaluate):
    rng = np.random.default_rng(0)
    one = rng.normal(size=64)
    batches = np.repeat(rng.normal(size=(8, 64)), 16, axis=0)
    family = ImageDiversity()
    values = evaluate(family, View(features=(one * (1 + 1e-7 * batches)).astype(np.float32)))
    assert values["vendi"] == pytest.approx(1)
    assert family.absent["effective_rank"] == "all images are the same to the judge"
    assert evaluate(ImageDiversity(), View(features=one + 1e-4 * batches))["effective_rank"] > 1

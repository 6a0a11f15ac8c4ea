"""The latent space filter: its probe against a general optimiser, and which pairs it lets into the draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.latent_filter import LatentFilter, confidence, latents, nearest, probed
from benchmarks.mitigations.self_correction import k_means
from benchmarks.planning.plan import Plan
from benchmarks.study.loading import SUITES
from datamodules.pairs import Pairs
from tests.engine.conftest import run_in_memory
from tests.mitigations.test_loops import pools
from tests.mitigations.toys import MODALITIES, N, ask, bites, drawn, real, same, scores

both = pytest.mark.parametrize("modality", MODALITIES)


def reference(points: np.ndarray, classes: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The penalised multinomial regression by a general optimiser: the probability of every class."""
    centre, spread, k = points.mean(0), points.std(0), classes.max() + 1
    scaled = (points - centre) / spread

    def loss(flat: np.ndarray) -> float:
        c = flat.reshape(-1, k)
        return float(-log_softmax(scaled @ c[:-1] + c[-1], 1)[np.arange(len(points)), classes].sum()) + 0.5 * float(
            (c[:-1] ** 2).sum()
        )

    best = minimize(loss, np.zeros((points.shape[1] + 1) * k), tol=1e-12, options={"gtol": 1e-9}).x.reshape(-1, k)
    return softmax(((asked - centre) / spread) @ best[:-1] + best[-1], axis=1)


def test_the_probe_is_a_penalised_logistic_regression() -> None:
    random = np.random.default_rng(5)
    for gap in (0.5, 6.0):  # the second parts cleanly
        classes = np.arange(60) % 3
        points = random.standard_normal((60, 2)) + gap * np.array([[0, 0], [1, 0], [0, 1]])[classes]
        asked, own = random.standard_normal((9, 2)), np.arange(9) % 3
        expected = reference(points, classes, asked)[np.arange(9), own]
        assert np.allclose(probed(points, classes, asked, own), expected, atol=1e-3)


def test_a_class_that_was_never_seen_gets_nothing_and_an_only_one_all() -> None:
    points = np.random.default_rng(6).standard_normal((12, 2))
    assert probed(points, np.repeat([0, 2], 6), points[:2], np.array([1, 3])).tolist() == [0, 0]
    assert probed(points, np.full(12, 2), points[:2], np.array([2, 1])).tolist() == [1, 0]


def embedded(pairs: Pairs) -> dict[str, np.ndarray]:
    return latents(scores(pairs), pairs.ids, pairs.ids)


def test_no_item_is_judged_by_a_probe_that_learned_from_it() -> None:
    truth, made = real(60), drawn("generator", 60).with_(ids=np.arange(60))
    before = confidence(embedded(truth), embedded(made), 4, seed=3)
    other = truth.with_(images=np.where(truth.ids == 4, truth.images + 9.0, truth.images))
    after = confidence(embedded(other), embedded(made), 4, seed=3)
    stays = np.isclose(before, after, atol=1e-12)
    assert stays[made.ids == 4].all()
    assert {bool(s) for s in stays} == {True, False}, "the other half asks a probe that did learn from item 4"


def test_the_class_is_that_of_the_caption_and_the_probe_looks_at_the_image() -> None:
    """Pairs whose caption fits stay surer than the same pictures under another picture's caption."""
    truth, made = real(200), real(100, first=1000)
    fits = confidence(embedded(truth), embedded(made), 5, seed=0)
    wrong = made.with_(captions=[f"c{(int(text[1:]) + 5) % 10}" for text in made.captions])
    assert np.mean(fits >= 0.5) > 0.9
    assert np.mean(confidence(embedded(truth), embedded(wrong), 5, seed=0) >= 0.5) < 0.1


def test_scores_lie_by_id_whatever_the_order_of_the_pool() -> None:
    pool = drawn("generator")
    by_id = pool.take(np.argsort(pool.ids))
    found = latents(scores(by_id), by_id.ids, pool.ids)
    assert np.array_equal(found["images"], embedded(pool)["images"])
    assert not np.array_equal(found["images"], embedded(by_id)["images"])


def given(modality: str, t: int = 3) -> dict[str, Any]:
    """Return what `curate` is given in an iteration: scores of pools by id, those of real pairs in their order."""
    made = [drawn(modality, iteration=s) for s in range(1, t + 1)]
    truth = [real(iteration=s, first=5000 * s) for s in range(1, t + 1)]
    by_id = [scores(pool.take(np.argsort(pool.ids))) for pool in made]
    return {"new": made[-1], "history": made[:-1], "real": truth, "scores": by_id, "real_scores": list(map(scores, truth)),
            "note": lambda **values: None}  # fmt: skip


@both
def test_the_surest_of_all_that_accumulated_are_trained_on(modality: str) -> None:
    def check(method: Mitigation) -> None:
        told = given(modality)
        everything = Pairs.concat([told["real"][0], *told["history"], told["new"]])
        kept_real = set()
        for seed in range(20):
            # By the definitions: the class of the caption among centres of real captions, two probes of half the items.
            parts = [told["real"][0], *told["history"], told["new"]]
            whole = {
                name: np.concatenate([embedded(pool)[name] for pool in parts]) for name in ("ids", "images", "captions")
            }
            sure = confidence(embedded(told["real"][0]), whole, 5, seed)
            found = ask(method, seed=seed, iteration=3, **told)
            rows = rows_of(found, everything)
            assert len(rows) == N
            assert rows == sorted(set(rows))
            assert same(found, everything.take(rows))
            rest = np.setdiff1d(np.arange(len(everything)), rows)
            assert sure[rows].min() >= sure[rest].max()
            kept_real.add(int((found.origin == 0).sum()))
        assert any(0 < count < N for count in kept_real), "real pairs are chosen among, as all others"

    bites(check, LatentFilter(k=5))


def rows_of(found: Pairs, everything: Pairs) -> list[int]:
    """Return where pairs lie among all, by source and picture."""
    place = {
        pair: row for row, pair in enumerate(zip(everything.origin.tolist(), everything.images.tolist(), strict=True))
    }
    return [place[pair] for pair in zip(found.origin.tolist(), found.images.tolist(), strict=True)]


@both
def test_among_equals_the_seed_decides(modality: str) -> None:
    """Where the probe knows one class alone it is as sure of everything."""
    told = given(modality)
    for part in ("real_scores", "scores"):
        told[part] = [{n: {**s, "captions": np.ones_like(s["captions"])} for n, s in one.items()} for one in told[part]]
    first, again, other = (ask(LatentFilter(k=2), seed=seed, iteration=3, **told) for seed in (1, 1, 2))
    assert same(first, again)
    assert not same(first, other)
    assert set(first.origin.tolist()) == {0, 1, 2, 3}


@both
def test_real_pairs_of_later_iterations_are_not_read(modality: str) -> None:
    told = given(modality)
    later = {
        "real": [told["real"][0], *told["real"][:2]],
        "real_scores": [told["real_scores"][0], *told["real_scores"][:2]],
    }
    plain = ask(LatentFilter(), seed=4, iteration=3, **told)
    assert same(ask(LatentFilter(), seed=4, iteration=3, **{**told, **later}), plain)


def test_the_nearest_centre_is_that_of_brute_force() -> None:
    points = np.random.default_rng(8).standard_normal((30, 3))
    centres = k_means(points, 4)
    assert nearest(points, centres).tolist() == [
        min(range(4), key=lambda c: ((p - centres[c]) ** 2).sum()) for p in points
    ]


@pytest.mark.parametrize("scenario", ["single_model_captioner", "single_model_generator", "joint_finetune"])
def test_through_the_engine_in_all_three_loops(scenario: str, planned: Callable[..., Plan], tmp_path: Path) -> None:
    """Sources lie as the method takes them to lie, whatever the shards, and what it consumes is counted."""
    spec = yaml.safe_load((SUITES / "mitigations" / "latent_filter.yaml").read_text())
    spec["init_args"] = {"k": 3}
    (tmp_path / "latent_filter.yaml").write_text(yaml.safe_dump(spec))
    plan = planned(str(tmp_path / "latent_filter.yaml"), scenarios=[{"file": scenario}], iterations=2, shard=5)
    outcome, store = run_in_memory(plan, tmp_path)
    row = next(row for row in plan.rows if row.mitigation == "latent_filter")
    cell = plan.cells[row.keys[0]]
    assert outcome.results[cell.key].status == "complete"
    found = pools(plan, store, cell)
    assert [len(pool) for pool in found] == [16, 16]
    assert {0, 1} <= set(found[0].origin.tolist())
    assert all(set(pool.origin.tolist()) <= set(range(t + 1)) for t, pool in enumerate(found, start=1))
    cost = outcome.results[cell.key].cost
    assert cost.real_samples == 2 * 16 + sum(int((pool.origin == 0).sum()) for pool in found)
    plain = outcome.results[next(r.keys[0] for r in plan.rows if r.mitigation == "none")].cost
    assert cost.network_evaluations - plain.network_evaluations == 2 * (2 * 16 + 2 * 16)
    assert cost.synthetic_samples == plain.synthetic_samples

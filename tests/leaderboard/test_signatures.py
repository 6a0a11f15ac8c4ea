"""Failure signatures: each planted alone is found under its name at its iteration, and nothing else is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from leaderboard.signatures import NAMES, TABLE, signatures
from records.results import CellResult, Floor, MetricInfo, Point

ITERATIONS = 5


def cells(planted: dict[str, tuple[int, float]], modality: str = "generator", seeds: int = 5, noise: float = 0.002):
    """Rows of every metric a signature reads, still but for planted changes: name -> (iteration, amount)."""
    names = sorted({m for sides in TABLE.values() for m in sides.get(modality, {})})
    full = {name: f"{modality}/{name}@clip,n=512" for name in names}
    made = []
    for seed in range(seeds):
        rng = np.random.default_rng([seed, len(planted)])
        points = []
        for t in range(ITERATIONS + 1):
            values = {}
            for name in names:
                start, amount = planted.get(name, (0, 0.0))
                moved = amount if t >= start and name in planted else 0.0
                values[full[name]] = 1.0 + moved + (noise * rng.normal() if t else 0.0)
            points.append(Point(t, values))
        info = {metric: MetricInfo("none", False, "p" * 64) for metric in full.values()}
        floors = {m: Floor(1.0, 0.01, 20, 0.02) for name, m in full.items() if name != "variance_total"}
        made.append(
            CellResult("s", "d" * 64, f"{seed}" * 64, seed, ITERATIONS, 512, (), (modality,), "complete", None,
                       tuple(points), (), {}, floors, info)
        )  # fmt: skip
    return made


def onsets(made, modality="generator"):
    return {s.name: s.onset for s in signatures(made, modality)}


@pytest.mark.parametrize(
    ("planted", "name", "iteration"),
    [
        ({"frechet": (2, 0.3)}, "quality loss", 2),
        ({"variance_between": (3, -0.3)}, "variance loss", 3),
        ({"variance_total": (3, -0.3)}, "variance loss", 3),
        ({"recall": (1, -0.3), "coverage": (4, -0.3)}, "loss of semantic diversity", 1),
        ({"density": (4, 0.3)}, "repetition and stereotypy", 4),
        ({"variance_within": (5, -0.3)}, "repetition and stereotypy", 5),
    ],
)
def test_generator_signatures_are_told_apart(planted, name, iteration):
    found = onsets(cells(planted))
    assert found == {**dict.fromkeys(NAMES), name: iteration}


@pytest.mark.parametrize(
    ("planted", "name"),
    [
        ({"attribute_accuracy": (2, -0.3)}, "quality loss"),
        ({"variance_between": (2, -0.3)}, "variance loss"),
        ({"tail_survival": (2, -0.3)}, "loss of semantic diversity"),
        ({"attribute_drift": (2, 0.3)}, "loss of semantic diversity"),
        ({"unique_share": (2, -0.3)}, "repetition and stereotypy"),
        ({"distinct2": (2, -0.3)}, "repetition and stereotypy"),
    ],
)
def test_captioner_signatures_are_told_apart(planted, name):
    assert onsets(cells(planted, "captioner"), "captioner") == {**dict.fromkeys(NAMES), name: 2}


def test_a_signature_names_its_metrics_with_their_iterations():
    found = signatures(cells({"recall": (1, -0.3), "coverage": (4, -0.3)}), "generator")[2]
    assert found.metrics == (("recall", 1), ("coverage", 4))
    assert found.text == "t = 1 (recall, coverage)"
    assert signatures(cells({}), "generator")[0].text == "-"


def test_what_does_not_count():
    assert set(onsets(cells({"frechet": (2, -0.3)})).values()) == {None}, "better quality"
    assert set(onsets(cells({"frechet": (2, 0.015)})).values()) == {None}, "below the minimum effect"
    assert set(onsets(cells({"variance_total": (2, -0.015)})).values()) == {None}, "no floor: below 2 % of the start"
    assert set(onsets(cells({"frechet": (2, 0.1)}, noise=0.3)).values()) == {None}, "within the seed noise"


def test_what_was_not_measured_is_said():
    made = cells({"frechet": (1, 0.3), "kernel": (1, 0.3)})
    lost = [dataclasses.replace(c, metrics=tuple(without(p, "generator/frechet") for p in c.metrics)) for c in made]
    found = signatures(lost, "generator")[0]
    assert "frechet" not in found.measured
    assert found.metrics == (("kernel", 1),)
    assert all(s.text == "not measured" for s in signatures(made[:1], "generator"))
    assert all(s.text == "not measured" for s in signatures(made, "captioner"))


def without(point: Point, prefix: str) -> Point:
    return Point(point.iteration, {m: v for m, v in point.values.items() if not m.startswith(prefix)})


@pytest.mark.parametrize("seeds", [3, 5])
def test_false_alarms_of_a_whole_signature_are_rare(seeds):
    """Five metrics of one signature, none of which changes: 5 % for the signature, not for each of them."""
    alarms, size = 0, 400
    rng = np.random.default_rng(seeds)
    names = list(TABLE["loss of semantic diversity"]["generator"])
    full = [f"generator/{name}@clip,n=512" for name in names]
    info = {metric: MetricInfo("none", False, "p" * 64) for metric in full}
    floors = {metric: Floor(1.0, 0.0, 20, 0.0) for metric in full}
    for _ in range(size):
        walks = 1 + np.concatenate(
            [np.zeros((seeds, len(full), 1)), rng.normal(0, 0.1, (seeds, len(full), 3)).cumsum(-1)], axis=-1
        )
        made = [
            CellResult("s", "d" * 64, f"{seed}" * 64, seed, 3, 512, (), ("generator",), "complete", None,
                       tuple(Point(t, dict(zip(full, walks[seed, :, t].tolist(), strict=True))) for t in range(4)),
                       (), {}, floors, info)
            for seed in range(seeds)
        ]  # fmt: skip
        alarms += signatures(made, "generator")[2].onset is not None
    assert alarms / size <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / size)

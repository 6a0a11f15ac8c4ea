"""The picture of correlation claims shows every variant where its numbers are, and only claims with points."""

from __future__ import annotations

import pytest

from benchmarks.reporting.pages.drawn import drawn as as_file
from benchmarks.reporting.pages.paper import PaperFigure
from benchmarks.reporting.pages.scatters import claims_figure
from leaderboard.claims.correlation import Correlation
from leaderboard.claims.family import judge_all
from leaderboard.claims.trend import Course, Trend
from records.findings import ClaimSpec
from tests.leaderboard.test_claims import FRECHET, variants


def drawn(cells) -> PaperFigure:
    kinds = [
        Correlation("q", "set/frechet", FRECHET),
        Trend("q/v0/none", (Course(FRECHET, "worsens"),)),
        Correlation("q", "set/bleu4", FRECHET),
        Correlation("q", "votes", FRECHET, votes="votes.json"),
    ]
    names = ("distance_predicts", "worsens", "bleu_predicts", "votes_predict")
    claims = [(ClaimSpec(name, "It is so.", "anything"), kind) for name, kind in zip(names, kinds, strict=True)]
    found = claims_figure(judge_all("simulated", claims, cells.evidence).verdicts, kinds, cells.evidence)
    assert found is not None
    return found


def test_only_correlations_with_points_have_a_panel() -> None:
    found = drawn(variants(10, 1.0))
    assert [panel["title"]["text"] for panel in found.spec["concat"]] == ["distance predicts", "bleu predicts"]
    assert claims_figure([], [], variants(10, 1.0).evidence) is None


def test_points_are_means_over_seeds_and_worse_is_to_the_right() -> None:
    found = drawn(variants(10, 1.0))
    by_bleu = [record for record in found.records if record["claim"] == "bleu_predicts"]
    assert [record["quality"] for record in by_bleu] == pytest.approx([1 - i / 10 for i in range(10)])
    assert [record["damage"] for record in by_bleu] == pytest.approx([i / 10 for i in range(10)], abs=0.06)
    for panel, rises in zip(found.spec["concat"], (True, False), strict=True):
        points = next(part for part in panel["layer"] if part["mark"]["type"] == "point")
        left, right = points["encoding"]["x"]["scale"]["domain"]
        assert (left < right) is rises


def test_every_point_has_its_name_inside_the_plot_and_apart_from_the_others() -> None:
    found = drawn(variants(10, 1.0))
    for panel in found.spec["concat"]:
        records = panel["data"]["values"]
        assert {record["variant"] for record in records} == {f"v{i}" for i in range(10)}
        places = [(record["at"], record["to"]) for record in records]
        assert all(0 < x < panel["width"] for x, _ in places)
        assert len({(round(x / 9), round(y / 9)) for x, y in places}) == 10


def test_the_picture_says_verdict_and_size_and_equal_numbers_give_equal_bytes() -> None:
    found = drawn(variants(10, 1.0))
    assert found.spec["concat"][0]["title"]["subtitle"].startswith("supported, rank correlation ")
    assert as_file(found.spec, "png") == as_file(drawn(variants(10, 1.0)).spec, "png")

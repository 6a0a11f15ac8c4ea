"""The picture of correlation claims shows every variant where its numbers are, and only claims with points."""

from __future__ import annotations

import pytest

from leaderboard.claims.correlation import Correlation
from leaderboard.claims.family import judge_all
from leaderboard.claims.scatter import figure, panels, write_png
from leaderboard.claims.trend import Course, Trend
from records.findings import ClaimSpec
from tests.leaderboard.test_claims import FRECHET, variants


def drawn(cells):
    kinds = [
        Correlation("q", "set/frechet", FRECHET),
        Trend("q/v0/none", (Course(FRECHET, "worsens"),)),
        Correlation("q", "set/bleu4", FRECHET),
        Correlation("q", "votes", FRECHET, votes="votes.json"),
    ]
    names = ("distance_predicts", "worsens", "bleu_predicts", "votes_predict")
    claims = [(ClaimSpec(name, "It is so.", "anything"), kind) for name, kind in zip(names, kinds, strict=True)]
    return panels(judge_all("simulated", claims, cells.evidence).verdicts, kinds, cells.evidence)


def test_only_correlations_with_points_have_a_panel():
    found = drawn(variants(10, 1.0))
    assert [verdict.claim.name for verdict, _, _ in found] == ["distance_predicts", "bleu_predicts"]


def test_points_are_means_over_seeds_and_worse_is_to_the_right():
    _, by_bleu = drawn(variants(10, 1.0))
    points = by_bleu[2]
    assert points.quality == pytest.approx([1 - i / 10 for i in range(10)])
    assert points.sign == -1
    left, right = figure([by_bleu]).axes[0].get_xlim()
    assert left > right
    assert points.damage == pytest.approx([i / 10 for i in range(10)], abs=0.06)


def test_the_picture_names_claims_verdicts_and_variants(tmp_path):
    found = drawn(variants(10, 1.0))
    panel = figure(found).axes[0]
    texts = " ".join(text.get_text() for text in panel.texts) + panel.get_title(loc="left")
    assert "distance predicts" in texts
    assert "supported, rank correlation" in texts
    assert all(f"v{i}" in texts for i in range(10))
    first, second = (write_png(found, tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == second

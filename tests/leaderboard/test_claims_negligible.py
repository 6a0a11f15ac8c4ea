"""Claims about nothing, and families of claims: what is small enough, how often verdicts err, who pays for whom."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from leaderboard.claims.difference import Difference
from leaderboard.claims.dose import Dose, Level
from leaderboard.claims.family import FAMILY_LEVEL, judge_all
from leaderboard.claims.finding import Finding, Part, mean_part
from leaderboard.claims.margin import with_margin
from leaderboard.claims.report import document, markdown
from leaderboard.claims.terms import Collapse
from leaderboard.claims.trend import Course, Trend
from leaderboard.statistics import t_interval
from records.findings import ClaimSpec
from tests.leaderboard.cells import Cells, line

FRECHET, VARIANCE = "generator/frechet", "captioner/variance"
A, B = "loop/x/one", "loop/x/other"


def study(gap: float, noise: float = 0.02, collapse: float = 1.0, seeds: int = 5) -> Cells:
    """A loop of T = 4 whose `none` loses 4 times `collapse`, and two methods that end `gap` apart."""
    cells = Cells()
    for seed, (row, step) in enumerate([("loop/x/none", collapse), ("loop/x/real", 0.0), (A, 0.3 + gap / 4), (B, 0.3)]):
        curves = line(2, step, noise=noise, seed=seed + 1, seeds=seeds)
        cells.add(row, {FRECHET: curves, VARIANCE: curves})
    return cells


def judged(kind, cells: Cells, family: str = "primary"):
    spec = ClaimSpec("it", "It is so.", "anything", family=family)
    return judge_all("simulated", [(spec, kind)], cells.evidence).verdicts[0]


def difference(**more):
    return Difference(A, B, (FRECHET,), "worse", **more)


@pytest.mark.parametrize(
    ("gap", "noise", "word"),
    [(0.0, 0.02, "negligible"), (3.0, 0.02, "supported"), (-3.0, 0.02, "contradicted"), (0.0, 1.0, "undecided")],
)
def test_each_verdict(gap, noise, word):
    assert judged(difference(), study(gap, noise)).word == word


def test_the_default_margin_is_a_quarter_of_the_collapse():
    cells = study(0.0)
    found = judged(difference(), cells).finding.parts[0]
    none, real = (cells.evidence.series(f"loop/x/{name}", FRECHET).worsening() for name in ("none", "real"))
    assert found.margin == pytest.approx((none - real).mean() / 4)
    named = judged(difference(collapse=Collapse("loop/x/none", "loop/x/real")), cells).finding.parts[0]
    assert named == found
    assert judged(difference(collapse=Collapse("loop/x/none")), cells).finding.parts[0].margin is None, "no real"


def test_controls_of_more_seeds_give_the_margin_at_those_of_the_claim():
    """Two methods at five seeds, whose group's controls ran at twelve."""
    cells, more = study(0.0), Cells()
    for row, step, seed in (("loop/x/none", 1.0, 1), ("loop/x/real", 0.0, 2)):
        curves = line(2, step, noise=0.02, seed=seed, seeds=12)
        more.add(row, {FRECHET: curves, VARIANCE: curves})
    both = Cells()
    both.rows = [*more.rows, *(row for row in cells.rows if str(row.name) in (A, B))]
    both.results = cells.results | more.results
    found = judged(difference(), both)
    none, real = (both.evidence.series(f"loop/x/{name}", FRECHET).worsening()[:5] for name in ("none", "real"))
    assert found.finding.parts[0].margin == pytest.approx((none - real).mean() / 4)
    assert found.word == "negligible"


def test_a_declared_margin_is_the_90_percent_interval_inside_it():
    cells = study(0.1, noise=0.05)
    part = judged(difference(), cells).finding.parts[0]
    series = [cells.evidence.series(row, FRECHET).worsening() for row in (A, B)]
    ends = t_interval(series[0] - series[1], 0.9)
    edge = max(abs(ends.low), abs(ends.high))
    assert judged(difference(margin=edge * 1.001), cells).finding.p_negligible < FAMILY_LEVEL
    assert judged(difference(margin=edge * 0.999), cells).finding.p_negligible > FAMILY_LEVEL
    assert part.low < ends.low < ends.high < part.high


def test_what_is_learned_is_a_margin_of_its_own():
    """`none` loses as much as the compared row learns: a quarter of the gap is half of the learning."""
    cells = study(0.0)
    cells.add("loop/x/taught", {FRECHET: line(2, -1.0, noise=0.02, seed=9)})
    kind = Difference(A, "loop/x/taught", (FRECHET,), "worse", margin_of="learned")
    found = judged(kind, cells).finding.parts[0]
    assert found.margin == pytest.approx(-cells.evidence.series("loop/x/taught", FRECHET).worsening().mean() / 4)
    worse = judged(difference(margin_of="learned"), cells)
    assert worse.word != "negligible", "the compared row got worse, so there is nothing to take a quarter of"
    for more in ({"margin": 1.0}, {"statistic": "area"}):
        with pytest.raises(ValueError, match="margin_of: found learned; allowed: "):
            difference(margin_of="learned", **more)


def test_what_is_small_and_clear_is_negligible_and_says_so():
    found = judged(difference(), study(0.2, noise=0.005))
    assert found.p_value < 0.05
    assert found.word == "negligible"
    assert "its sign is clear" in found.reason


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (study(0.0, collapse=0.0), "nothing collapsed"),
        (study(0.0, seeds=4), "too few seeds"),
    ],
)
def test_nothing_is_negligible_without_a_margin_or_seeds(cells, why):
    assert judged(difference(), cells).word == "undecided", why


def test_a_claim_that_cannot_be_tested_counts_as_if_it_were_not_so():
    """How few seeds another claim has decides nothing here: p is 1, whatever its parts would come to."""
    found = Finding((replace(judged(difference(), study(0.0)).finding.parts[0], p_negligible=0.001),), "too few seeds")
    assert (found.p_value, found.p_negligible) == (1.0, 1.0)


def test_a_trend_and_a_dose_have_the_margins_that_they_declare():
    cells = study(0.0, noise=0.01)
    still = Trend("loop/x/real", (Course(FRECHET, "worsens"),))
    assert judged(still, cells).word == "undecided"
    assert judged(Trend("loop/x/real", (Course(FRECHET, "worsens", margin=0.5),)), cells).word == "negligible"
    both = Trend(B, (Course(FRECHET, "worsens", margin=0.5), Course(VARIANCE, "rises", margin=0.5)))
    assert judged(both, cells).word == "supported", "every part has to be small"
    levels = (Level(1, A), Level(2, B))
    assert judged(Dose(levels, FRECHET, "less"), cells).word == "undecided"
    assert judged(Dose(levels, FRECHET, "less", margin=0.5), cells).word == "negligible"


def test_the_margin_of_a_dose_is_a_quarter_of_the_collapse_over_its_whole_range():
    cells, levels = study(0.0, noise=0.01), (Level(1, A), Level(4, B))
    kind = Dose(levels, FRECHET, "less", collapse=Collapse("loop/x/none", "loop/x/real"))
    none, real = (cells.evidence.series(f"loop/x/{name}", FRECHET).worsening() for name in ("none", "real"))
    assert judged(kind, cells).finding.parts[0].margin == pytest.approx((none - real).mean() / 4 / 2), "two doublings"
    assert judged(kind, cells).word == "negligible"
    assert judged(Dose(levels, FRECHET, "less", collapse=Collapse("loop/x/none")), cells).word == "undecided", "no real"


@pytest.mark.parametrize("margin", [0.0, -1.0, float("nan"), float("inf")])
def test_a_margin_is_a_size(margin):
    for make in (lambda: difference(margin=margin), lambda: Course(FRECHET, "worsens", margin=margin)):
        with pytest.raises(ValueError, match="margin: found"):
            make()


def verdicts(effects: list[float], simulations: int, spread: float = 0.5, seeds: int = 5) -> list[list[str]]:
    """Return the verdicts on a family of claims, one list a study, whose margin of about 1 is measured, as by default."""
    rng = np.random.default_rng([7, seeds, len(effects), int(1000 * sum(effects) + 100_000)])
    found = []
    for _ in range(simulations):
        margins = rng.normal(4.0, spread, seeds) / 4
        parts = []
        for effect in effects:
            values = rng.normal(effect, spread, seeds)
            parts.append(with_margin(mean_part("", values, 1), values, margins, 0.0))
        claims = [(ClaimSpec(f"c{i}", "It is so.", "anything"), Known(part)) for i, part in enumerate(parts)]
        found.append([verdict.word for verdict in judge_all("simulated", claims, Cells().evidence).verdicts])
    return found


@dataclass(frozen=True)
class Known:
    """A claim whose numbers are there already."""

    part: Part

    def judge(self, evidence) -> Finding:
        return Finding((self.part,))


def share(studies: list[list[str]], *words: str) -> float:
    """Return the share of studies in which any claim has one of the verdicts."""
    return float(np.mean([any(word in words for word in study) for study in studies]))


def limit(rate: float, simulations: int) -> float:
    return rate + 3 * np.sqrt(rate * (1 - rate) / simulations)


#: (claims of a family, seeds); the families that ship are in `test_claims_operating.py`.
SHIPPED = [(1, 5), (4, 5), (10, 12)]


@pytest.mark.parametrize("simulations", [100, pytest.param(3000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("claims", "seeds"), SHIPPED)
def test_a_family_errs_in_one_study_of_twenty_at_most(claims, seeds, simulations):
    most = limit(0.05, simulations)
    nothing = verdicts([0.0] * claims, simulations, seeds=seeds)
    assert share(nothing, "supported", "contradicted") <= most
    at_the_margin = verdicts([1.0] * claims, simulations, seeds=seeds)
    assert share(at_the_margin, "negligible") <= most, "effects as large as their margin"
    assert share(at_the_margin, "contradicted") <= most
    opposite = verdicts([-1.0] * claims, simulations, seeds=seeds)
    assert share(opposite, "negligible") <= most
    assert share(opposite, "supported") <= most
    assert share(verdicts([1.5] * claims, simulations, seeds=seeds), "negligible") <= 0.01


@pytest.mark.slow
def test_a_family_of_all_kinds_errs_in_one_study_of_twenty_at_most():
    effects = [0.0] * 3 + [1.0] * 3 + [-1.0] * 2 + [4.0] * 2
    studies = verdicts(effects, 3000, seeds=12)
    false_sign = [
        any(
            (word == "supported" and effect <= 0) or (word == "contradicted" and effect >= 0)
            for word, effect in zip(study, effects, strict=True)
        )
        for study in studies
    ]
    false_nothing = [
        any(word == "negligible" and abs(effect) >= 1 for word, effect in zip(study, effects, strict=True))
        for study in studies
    ]
    assert np.mean(false_sign) <= limit(0.05, len(studies))
    assert np.mean(false_nothing) <= limit(0.05, len(studies))
    assert np.mean([study[-1] == "supported" for study in studies]) > 0.99


@pytest.mark.parametrize(("effect", "word"), [(0.0, "negligible"), (-2.0, "contradicted"), (2.0, "supported")])
def test_each_verdict_is_reached_where_it_is_true(effect, word):
    assert share(verdicts([effect], 50, spread=0.2), word) > 0.9
    assert share(verdicts([effect] * 10, 20, spread=0.5, seeds=12), word) > 0.9, "in a family of ten"


def test_each_family_pays_for_its_own():
    cells = study(0.0, noise=0.6)
    kind, hopeless = difference(), Difference("no/x/none", B, (FRECHET,), "worse")

    def p(*families: str) -> float:
        claims = [(ClaimSpec("it", "It is so.", "anything"), kind)]
        claims += [(ClaimSpec(f"other{i}", "No.", "anything", family=f), hopeless) for i, f in enumerate(families)]
        return judge_all("s", claims, cells.evidence).verdicts[0].p_value

    alone = p()
    assert p("secondary", "secondary") == alone
    assert p("primary") == pytest.approx(min(1.0, 2 * alone))
    assert p("secondary", "primary", "another") == p("primary")


def test_the_table_names_families_and_margins():
    claims = [
        (ClaimSpec("one", "It is so.", "anything"), difference()),
        (ClaimSpec("two", "It is so.", "anything", family="side | effects"), difference(margin=2.0)),
    ]
    family = judge_all("s", claims, study(0.0).evidence)
    page = markdown(family)
    assert "primary (1), side \\| effects (1)" in page
    assert "| side \\| effects |" in page
    assert ", margin 2 |" in page
    assert [c["family"] for c in document(family)["claims"]] == ["primary", "side | effects"]
    assert document(family)["claims"][1]["parts"][0]["margin"] == 2.0
    with pytest.raises(ValueError, match="family: found nothing"):
        ClaimSpec("one", "It is so.", "anything", family=" ")

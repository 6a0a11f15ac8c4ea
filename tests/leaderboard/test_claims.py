"""Claims on simulated result files with known truth: supported, contradicted, undecided, each for its reason."""

from __future__ import annotations

import json

import numpy as np
import pytest

from leaderboard.claims.correlation import Correlation, spearman
from leaderboard.claims.difference import Difference
from leaderboard.claims.dose import Dose, Level
from leaderboard.claims.family import judge_all
from leaderboard.claims.finding import Undecided
from leaderboard.claims.report import document, json_text, markdown, section
from leaderboard.claims.terms import Collapse
from leaderboard.claims.trend import Course, Trend
from records.findings import ClaimSpec
from tests.leaderboard.cells import Cells, line

ALONE, REAL, JOINT, FROZEN = "alone/x/none", "alone/x/real", "joint/x/none", "frozen/x/none"
ACCURACY, FRECHET, VARIANCE = "captioner/accuracy", "generator/frechet", "captioner/variance"


def loops() -> Cells:
    """A captioner that gets worse while it varies more, hardly on real pairs, more in a joint loop, less if frozen."""
    cells = Cells()
    for seed, (row, accuracy, frechet, variance) in enumerate(
        [(ALONE, -0.5, 1.0, 0.3), (REAL, -0.02, 0.05, 0.0), (JOINT, -0.9, 1.02, 0.2), (FROZEN, -0.2, 1.0, 0.1)]
    ):
        cells.add(row, {
            ACCURACY: line(5, accuracy, seed=seed), FRECHET: line(2, frechet, seed=seed + 10),
            VARIANCE: line(1, variance, seed=seed + 20),
        })  # fmt: skip
    return cells


def verdict(kind, cells: Cells):
    spec = ClaimSpec("it", "It is so.", "anything")
    return judge_all("simulated", [(spec, kind)], cells.evidence).verdicts[0]


# --- trends


@pytest.mark.parametrize(
    ("courses", "word"),
    [
        ([(VARIANCE, "rises"), (ACCURACY, "worsens")], "supported"),
        ([(ACCURACY, "falls"), (FRECHET, "rises"), (FRECHET, "worsens")], "supported"),
        ([(VARIANCE, "falls")], "contradicted"),
        ([(VARIANCE, "rises"), (ACCURACY, "improves")], "contradicted"),
    ],
)
@pytest.mark.parametrize("statistic", ["worsening", "slope", "area"])
def test_a_trend_holds_where_every_course_does(courses, word, statistic):
    kind = Trend(ALONE, tuple(Course(*c) for c in courses), statistic=statistic)
    assert verdict(kind, loops()).word == word


def test_a_trend_reports_the_mean_change_and_its_interval():
    cells = loops()
    part = verdict(Trend(ALONE, (Course(ACCURACY, "worsens"),)), cells).finding.parts[0]
    curves = cells.evidence.series(ALONE, ACCURACY).curves
    assert part.effect == pytest.approx((curves[:, 0] - curves[:, -1]).mean())
    assert part.low < 2.0 < part.high
    assert part.n == 5


def test_a_trend_beyond_a_control_is_their_difference():
    cells = loops()
    alone = verdict(Trend(ALONE, (Course(ACCURACY, "worsens"),)), cells).finding.parts[0].effect
    real = verdict(Trend(REAL, (Course(ACCURACY, "worsens"),)), cells).finding.parts[0].effect
    beyond = verdict(Trend(ALONE, (Course(ACCURACY, "worsens"),), control=REAL), cells).finding.parts[0]
    assert beyond.effect == pytest.approx(alone - real)
    itself = verdict(Trend(ALONE, (Course(ACCURACY, "worsens"),), control=ALONE), cells)
    assert (itself.word, itself.finding.parts[0].effect) == ("undecided", 0.0)


def test_a_trend_asks_for_the_collapse_of_a_metric_that_it_names():
    rises = (Course(VARIANCE, "rises"),)
    assert verdict(Trend(ALONE, rises, collapse=Collapse(ALONE, REAL, ACCURACY)), loops()).word == "supported"
    healthy = verdict(Trend(ALONE, rises, collapse=Collapse(REAL, metric=ACCURACY)), loops())
    assert healthy.word == "undecided"
    assert "control did not collapse" in healthy.reason
    with pytest.raises(ValueError, match="collapse: metric: found nothing"):
        Trend(ALONE, rises, collapse=Collapse(ALONE, REAL))


# --- differences


@pytest.mark.parametrize(
    ("a", "b", "metric", "expect", "word"),
    [
        (FROZEN, JOINT, ACCURACY, "better", "supported"),
        (JOINT, ALONE, ACCURACY, "worse", "supported"),
        (FROZEN, JOINT, ACCURACY, "worse", "contradicted"),
        (FROZEN, JOINT, FRECHET, "better", "undecided"),
    ],
)
def test_a_difference_is_paired_and_signed(a, b, metric, expect, word):
    found = verdict(Difference(a, b, (metric,), expect, collapse=Collapse(JOINT)), loops())
    assert found.word == word
    if word == "undecided":
        assert "not significant" in found.reason, "which is not called equality"
        assert found.finding.parts[0].low < 0 < found.finding.parts[0].high


def test_pairing_removes_what_seeds_share():
    cells, shared = Cells(), 3 * np.random.default_rng(1).normal(size=(5, 1)) * np.arange(5)
    cells.add("a/x/none", {FRECHET: line(2, 1.0, seed=1) + shared})
    cells.add("b/x/none", {FRECHET: line(2, 1.3, seed=2) + shared})
    assert verdict(Difference("a/x/none", "b/x/none", (FRECHET,), "better"), cells).word == "supported"


def test_where_real_pairs_do_more_than_a_quarter_of_the_damage_nothing_is_said_as_on_a_board():
    for loss, word in ((-0.11, "supported"), (-0.14, "undecided")):  # of -0.5
        cells = loops()
        cells.add(REAL, {ACCURACY: line(5, loss, noise=0.0)})
        found = verdict(Difference(FROZEN, JOINT, (ACCURACY,), "better", collapse=Collapse(ALONE, REAL)), cells)
        assert found.word == word
    assert "invalid controls: alone/x/real worsens by 28% of alone/x/none, limit 25%" in found.reason


def test_nothing_collapsed_is_undecided():
    healthy = verdict(Difference(FROZEN, JOINT, (ACCURACY,), "better", collapse=Collapse(REAL)), loops())
    assert healthy.word == "undecided"
    assert "control did not collapse" in healthy.reason
    harsh = Cells()
    for row in (ALONE, REAL):
        harsh.add(row, {ACCURACY: line(5, -0.5, seed=3)})
    assert (
        "did not collapse"
        in verdict(Difference(ALONE, REAL, (ACCURACY,), "worse", collapse=Collapse(ALONE, REAL)), harsh).reason
    ), "real pairs do the same harm: a destructive fit"


# --- correlation over variants


def variants(count: int, harm: float, seeds: int = 3, noise: float = 0.02, votes=None, folder=None) -> Cells:
    """Sets of falling quality, whose damage grows with it by ``harm``."""
    cells = Cells(*([folder] if folder else []))
    rng = np.random.default_rng(5)
    for i in range(count):
        bad = i / count
        after = 2 + harm * bad + noise * rng.normal(size=seeds)
        cells.add(f"q/v{i}/none", {
            FRECHET: np.stack([np.full(seeds, 2.0), after], 1),
            "set/frechet": np.stack([np.zeros(seeds), np.full(seeds, 1 + bad)], 1),
            "set/bleu4": np.stack([np.zeros(seeds), np.full(seeds, 1 - bad)], 1),
        })  # fmt: skip
    if votes is not None:
        (folder / "votes.json").write_text(json.dumps(votes))
    return cells


@pytest.mark.parametrize("quality", ["set/frechet", "set/bleu4"])
def test_worse_sets_and_more_damage_correlate_whichever_way_quality_points(quality):
    kind = Correlation("q", quality, FRECHET)
    assert verdict(kind, variants(10, 1.0)).word == "supported"
    assert verdict(kind, variants(10, -1.0)).word == "contradicted"
    unrelated = verdict(kind, variants(10, 0.0, noise=0.5))
    assert unrelated.word == "undecided"
    part = verdict(kind, variants(10, 1.0)).finding.parts[0]
    assert (part.n, part.unit) == (10, "variants")
    assert part.low < part.effect <= 1
    assert verdict(Correlation("q", quality, FRECHET, "negative"), variants(10, -1.0)).word == "supported"


def test_too_few_variants_or_no_variation_decide_nothing():
    kind = Correlation("q", "set/frechet", FRECHET)
    assert verdict(kind, variants(7, 1.0)).reason == "7 variants; 8 are needed"
    constant = variants(10, 0.0, noise=0.0)
    assert verdict(kind, constant).reason == "damage is the same everywhere"


def test_more_seeds_are_not_more_units():
    """Thirty seeds of four variants must not pass for a hundred and twenty points."""
    assert verdict(Correlation("q", "set/frechet", FRECHET, variants=4), variants(4, 1.0, seeds=30)).word == "undecided"


def test_human_votes_are_a_quality_where_there_are_any(tmp_path):
    kind = Correlation("q", "votes", FRECHET, votes="votes.json")
    assert verdict(kind, variants(8, 1.0, folder=tmp_path)).reason == "no votes: votes.json is not there"
    votes = {f"v{i}": 5 - i / 2 for i in range(8)}
    assert verdict(kind, variants(8, 1.0, folder=tmp_path, votes=votes)).word == "supported"
    for odd in ({"v1": float("nan")}, {"v1": float("inf")}):
        said = verdict(kind, variants(8, 1.0, folder=tmp_path, votes=votes | odd))
        assert (said.word, said.reason) == (
            "undecided",
            "votes.json holds no mapping of variant to mean vote, a finite number",
        )
    (tmp_path / "votes.json").write_text("{}")
    del votes["v3"]
    assert "no votes on v3" in verdict(kind, variants(8, 1.0, folder=tmp_path, votes=votes)).reason
    (tmp_path / "votes.json").write_text('["<script>"]')
    assert "no mapping" in verdict(kind, variants(8, 1.0, folder=tmp_path)).reason


def test_the_permutation_test_is_exact_for_few_variants_and_brute_force_agrees():
    import itertools

    from scipy import stats

    x, y = np.array([1.0, 2, 3, 4, 5, 6]), np.array([1.0, 3, 2, 4, 6, 5])
    part = spearman("", x, y)
    every = [stats.spearmanr(x, y[list(order)]).statistic for order in itertools.permutations(range(6))]
    assert part.effect == pytest.approx(stats.spearmanr(x, y).statistic)
    assert part.p_support == pytest.approx(np.mean(np.array(every) >= part.effect - 1e-9))
    assert part.low < part.effect < part.high
    perfect = spearman("", x, 2 * x)
    assert (perfect.effect, perfect.low, perfect.high) == (pytest.approx(1.0), -np.inf, np.inf), (
        "six points are no proof"
    )


@pytest.mark.parametrize("count", [8, 12])
def test_type_one_error_of_the_permutation_test(count):
    """Unrelated quality and damage are called related in 5 % of worlds; false-alarm rate of this test below 1e-4."""
    rng = np.random.default_rng(3)
    parts = [spearman("", rng.normal(size=count), rng.exponential(size=count)) for _ in range(400)]
    rejected = np.mean([2 * min(p.p_support, p.p_contra) < 0.05 for p in parts])
    assert 0.01 < rejected < 0.095
    ties = [spearman("", rng.integers(0, 3, count), rng.normal(size=count)) for _ in range(100)]
    assert np.mean([2 * min(p.p_support, p.p_contra) < 0.05 for p in ties]) < 0.14


# --- why something is undecided


def test_reasons():
    cells = loops()
    kind = Trend(ALONE, (Course(ACCURACY, "worsens"),))
    assert verdict(Trend("no/x/none", kind.courses), cells).reason == "no row no/x/none: not run, or not in the plan"
    assert verdict(Trend(ALONE, (Course("captioner/cider", "worsens"),)), cells).reason.endswith("is not measured")
    assert "T = 4" in verdict(Trend(ALONE, kind.courses, iterations=10), cells).reason
    assert "no direction" in verdict(Trend(ALONE, (Course(VARIANCE, "worsens"),)), cells).reason
    few = Cells()
    few.add(ALONE, {ACCURACY: line(5, -0.5, seeds=3)})
    assert verdict(kind, few).reason == "3 seeds are descriptive; 5 are needed"
    del cells.results[cells.rows[0].keys[2]]
    assert verdict(kind, cells).reason == f"{ALONE}: 4 of 5 seeds are complete"
    cells = loops()
    cells.fail(cells.rows[0], 2)
    assert "1 of 5 seeds failed; seed 2 in fit of iteration 1: loss is NaN" in verdict(kind, cells).reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"n": 256}, "N differs"),
        ({"evaluate": 128}, "metric differs"),
        ({"first_seed": 7}, "seeds differ"),
        ({"device": "cuda:0"}, "different kinds of hosts"),
    ],
)
def test_rows_that_cannot_be_paired_are_not(changes, reason):
    cells = Cells()
    cells.add("a/x/none", {FRECHET: line(2, 1.0)})
    cells.add("b/x/none", {FRECHET: line(2, 2.0)}, **changes)
    assert reason.split()[0] in verdict(Difference("a/x/none", "b/x/none", (FRECHET,), "better"), cells).reason
    short = Cells()
    short.add("a/x/none", {FRECHET: line(2, 1.0)})
    short.add("b/x/none", {FRECHET: line(2, 1.0, iterations=2)})
    assert "T differs" in verdict(Difference("a/x/none", "b/x/none", (FRECHET,), "better"), short).reason


def test_rows_of_unlike_numbers_of_seeds_are_paired_at_those_that_all_are_planned_at():
    """A question may be asked at more seeds than another that shares a row with it."""
    curves = {
        name: line(2, step, seeds=8, seed=i) for i, (name, step) in enumerate([("a", 1.0), ("b", 2.0), ("r", 0.0)])
    }
    all_of = {"a": 8, "b": 6, "r": 8}

    def study(seeds: dict[str, int]) -> Cells:
        cells = Cells()
        for name, count in seeds.items():
            cells.add(f"{name}/x/none", {FRECHET: curves[name][:count]})
        return cells

    for kind in (
        Difference("a/x/none", "b/x/none", (FRECHET,), "better", collapse=Collapse("b/x/none", "r/x/none")),
        Difference("a/x/none", "b/x/none", (FRECHET,), "better", a_control="r/x/none", b_control="r/x/none"),
        Dose((Level(1, "a/x/none"), Level(2, "b/x/none")), FRECHET, "more", collapse=Collapse("a/x/none", "r/x/none")),
        Trend("a/x/none", (Course(FRECHET, "worsens"),), control="b/x/none"),
    ):
        uneven, even = (verdict(kind, study(seeds)) for seeds in (all_of, dict.fromkeys(all_of, 6)))
        assert uneven.finding == even.finding
        assert {part.n for part in uneven.finding.parts} == {6}
    whole = verdict(Difference("a/x/none", "r/x/none", (FRECHET,), "worse"), study(all_of))
    assert whole.finding.parts[0].n == 8, "of rows that have them all seeds count"
    failed = study(all_of)
    failed.fail(failed.rows[1], 2)
    kind = Difference("a/x/none", "b/x/none", (FRECHET,), "better")
    assert "1 of 6 seeds failed" in verdict(kind, failed).reason, "what was planned and failed is missed"
    failed = study(all_of)
    failed.fail(failed.rows[0], 7)
    assert verdict(kind, failed).word == "supported", "what is not asked for is not"


# --- the family


def spec(name: str, **more) -> ClaimSpec:
    return ClaimSpec(name, "It is so.", "anything", **more)


def test_the_family_holds_its_level_and_untested_claims_count():
    """Claims without any effect: a false verdict in at most 5 % of worlds; 300 worlds, so below 9 % nearly always."""
    kinds = [Difference("a/x/none", f"b{i}/x/none", (FRECHET,), "better") for i in range(4)]
    wrong = 0
    for world in range(300):
        cells = Cells()
        for i, row in enumerate(["a/x/none", *(f"b{j}/x/none" for j in range(4))]):
            cells.add(row, {FRECHET: line(2, 1.0, iterations=1, seed=10 * world + i)})
        family = judge_all("s", [(spec(str(i)), k) for i, k in enumerate(kinds)], cells.evidence)
        wrong += any(v.word != "undecided" for v in family.verdicts)
    assert wrong < 0.09 * 300
    cells = loops()
    real = (spec("real"), Difference(FROZEN, JOINT, (ACCURACY,), "better"))
    absent = (spec("absent"), Difference("no/x/none", JOINT, (ACCURACY,), "better"))
    alone = judge_all("s", [real], cells.evidence).verdicts[0].p_value
    together = judge_all("s", [real, absent], cells.evidence).verdicts[0].p_value
    assert together == pytest.approx(2 * alone)


def test_deterministic_results_are_certain():
    cells = Cells()
    cells.add(ALONE, {ACCURACY: line(5, -0.5, noise=0.0)})
    assert verdict(Trend(ALONE, (Course(ACCURACY, "worsens"),)), cells).word == "supported"
    assert verdict(Trend(ALONE, (Course(ACCURACY, "improves"),)), cells).word == "contradicted"


def test_tables_are_escaped_and_repeat(tmp_path):
    cells = loops()
    claims = [
        (ClaimSpec("<b>|", "It | is <i>so</i>.", "anything", source="a|b"), Difference(FROZEN, JOINT, (ACCURACY,), "better")),
        (spec("absent"), Difference("no/x/none", JOINT, (ACCURACY,), "better")),
    ]  # fmt: skip
    family = judge_all("s", claims, cells.evidence)
    page = markdown(family)
    assert page == markdown(judge_all("s", claims, cells.evidence))
    assert "<b>" not in page
    assert "\\|" in page
    assert "**supported**" in page
    assert "no row no/x/none" in section(family)
    rows = [x for x in page.splitlines() if x.startswith("| ")]
    assert len({x.replace("\\|", "").count("|") for x in rows}) == 1, "every line has as many columns as the head"
    assert json.loads(json_text(family)) == document(family)
    assert [c["verdict"] for c in document(family)["claims"]] == ["supported", "undecided"]


def test_undecided_is_no_error():
    with pytest.raises(Undecided, match="in the plan"):
        Trend("no/x/none", (Course(ACCURACY, "rises"),)).judge(Cells().evidence)

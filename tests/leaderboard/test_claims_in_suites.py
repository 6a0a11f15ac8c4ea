"""Claims in suites: the shipped ones name what is there, a wrong one is a clear sentence, none of it needs torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.planning.planner import make_plan
from benchmarks.study.loading import ROOT, SUITES
from leaderboard.claims.correlation import Correlation
from leaderboard.claims.family import load_claims
from records.errors import UsageError
from records.findings import ClaimSpec

ACCURACY, ALONE = "captioner/accuracy", "alone/x/none"
RENAMED = ("scenes_renamed", "scenes_renamed_generator")
CLAIMING = [p.stem for p in sorted(SUITES.glob("*.yaml")) if "\nclaims:" in p.read_text()]


def names(kind) -> set[str]:
    """Every row that a claim names."""
    found = {getattr(kind, k, "") for k in ("row", "control", "a", "b", "a_control", "b_control")}
    found |= {x for level in getattr(kind, "levels", ()) for x in (level.row, level.control)}
    collapse = getattr(kind, "collapse", None)
    return (found | ({collapse.none, collapse.real} if collapse else set())) - {""}


@pytest.mark.parametrize("suite", CLAIMING)
def test_shipped_claims_name_rows_and_metrics_that_are_there(suite):
    plan = make_plan(suite)
    rows = {f"{r.scenario}/{r.variant}/{r.mitigation}" for r in plan.rows}
    declared = {f"{f.side}/{name}" for f in plan.world.families for name in f.declares}
    for claim, kind in load_claims(plan.suite.claims, plan.file):
        assert names(kind) <= rows, claim.name
        used = {getattr(kind, k, "") for k in ("metric", "damage", "quality")} | set(getattr(kind, "metrics", ()))
        used |= {c.metric for c in getattr(kind, "courses", ())}
        used |= {collapse.metric} if (collapse := getattr(kind, "collapse", None)) else set()
        assert {m.partition("@")[0] for m in used} - {"", "votes"} <= declared, claim.name
        if isinstance(kind, Correlation):
            assert sum(r.scenario == kind.scenario for r in plan.rows) >= 8


def test_the_paper_is_the_primary_family_and_side_questions_are_named():
    families: dict[str, list[str]] = {}
    for claim in make_plan("scenes_claims").suite.claims:
        families.setdefault(claim.family, []).append(claim.name)
    assert families.pop("primary") == [
        "captioner_variance_rises", "captioner_alignment_improves", "generator_variance_falls", "more_steps",
        "members_live_generator", "members_frozen_generator", "relabel_captioner", "relabel_generator",
        "joint_captioner", "joint_generator",
    ]  # fmt: skip
    assert set(families) == {"frozen_images", "members", "beams", "equal_evaluations", "temperature", "closed_loop"}
    assert {"frechet_predicts_damage", "bleu4_predicts_damage"} <= {
        claim.name for claim in make_plan("scenes_quality").suite.claims
    }


@pytest.mark.parametrize("suite", ["scenes_claims", "paper_full", "scenes_quality", *RENAMED])
def test_a_primary_family_is_small_enough_to_decide_something(suite):
    assert sum(claim.family == "primary" for claim in make_plan(suite).suite.claims) <= 10


def test_what_is_tested_was_seen_by_nobody_and_close_calls_have_twice_the_seeds():
    """All but the steps' primary claims are differences that spread over seeds by about their margin or more."""
    plan = make_plan("scenes_claims")
    assert {plan.cells[key].cell.iterations for row in plan.rows for key in row.keys} == {5}
    seeds = {f"{row.scenario}/{row.variant}": tuple(row.seeds) for row in plan.rows}
    twelve, more = tuple(range(200, 212)), tuple(range(200, 224))
    assert set(seeds.values()) == {twelve, more}
    primary = [kind for claim, kind in load_claims(plan.suite.claims, plan.file) if claim.family == "primary"]
    read = {name.rpartition("/")[0] for kind in primary for name in names(kind)}
    assert {row for row in read if seeds[row] == twelve} == {f"budget_sweep/steps_{steps}" for steps in (5, 10, 20)}
    others = {seed for suite in CLAIMING if suite not in ("scenes_claims", "scenes_variance")
              for row in make_plan(suite).rows for seed in row.seeds}  # fmt: skip
    assert not others & set(more)


@pytest.mark.parametrize("suite", RENAMED)
def test_less_learned_is_held_against_what_real_pairs_teach(suite):
    """Half of the gap between `none` and `real` is what `none` loses here, so its quarter would be half of the learning."""
    plan = make_plan(suite)
    assert suite in make_plan("board").suite.learning.values()
    for claim, kind in load_claims(plan.suite.claims, plan.file):
        assert (kind.margin_of, kind.b.rpartition("/")[2]) == ("learned", "real"), claim.name


def test_every_row_of_the_claims_is_read_by_one():
    plan = make_plan("scenes_claims")
    read = {name for _, kind in load_claims(plan.suite.claims, plan.file) for name in names(kind)}
    assert {f"{r.scenario}/{r.variant}/{r.mitigation}" for r in plan.rows if r.mitigation == "none"} <= read


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_path": "leaderboard.claims.trend.Nothing"}, "cannot be imported"),
        ({"class_path": "leaderboard.claims.finding.Undecided"}, "no dataclass with a method judge"),
        (
            {"init_args": {"row": "a/b", "courses": [{"metric": ACCURACY, "expect": "rises"}]}},
            "row: found 'a/b'; allowed: scenario/variant/mitigation",
        ),
        ({"init_args": {"rows": "a/b/c"}}, "key 'rows' is unknown; allowed: row, courses"),
        ({"init_args": {"row": ALONE, "courses": []}}, "courses: found none"),
        ({"init_args": {"row": ALONE, "courses": [{"metric": "accuracy", "expect": "rises"}]}}, "allowed: side/metric"),
        ({"init_args": {"row": ALONE, "courses": [{"metric": ACCURACY, "expect": "grows"}]}}, "grows"),
    ],
)
def test_a_wrong_claim_is_one_sentence_with_suite_claim_and_key(changes, message, tmp_path):
    claim = {
        "name": "it", "statement": "It is so.", "class_path": "leaderboard.claims.trend.Trend",
        "init_args": {"row": ALONE, "courses": [{"metric": ACCURACY, "expect": "rises"}]}, **changes,
    }  # fmt: skip
    file = tmp_path / "study.yaml"
    with pytest.raises(UsageError, match=r"study\.yaml: claims: it") as found:
        load_claims([ClaimSpec(**claim)], file)
    assert message in str(found.value)


def test_claims_import_no_torch():
    code = (
        "import sys, benchmarks.commands.judging, leaderboard.claims.family, leaderboard.claims.report, leaderboard.gate;"
        "import leaderboard.gate_report, leaderboard.claims.correlation, leaderboard.claims.dose;"
        "sys.exit(any(m in sys.modules for m in ('torch', 'mlflow')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0

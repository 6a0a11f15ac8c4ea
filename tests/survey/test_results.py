"""What votes say: a planted ranking is found, who does not look is left out, metrics stand beside people."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from benchmarks.commands.main import main
from benchmarks.survey.design import FALSE_PASS, FEWEST_CHECKS, needed
from benchmarks.survey.documents import Key, read_ballot
from benchmarks.survey.export import claim_votes
from benchmarks.survey.tally import Tally, judged, read_ballots, tally, votes_on
from leaderboard.claims.correlation import Correlation
from leaderboard.claims.finding import Undecided
from leaderboard.fitting import LINES, WIDTH
from leaderboard.people import along
from leaderboard.readings import BoardRow
from leaderboard.series import Evidence
from records.results import CellResult, MetricInfo, Point, Row
from tests.survey.people import TRUTH, cast, small_survey, strength, voted

_, KEY = small_survey()


def found(folder: Path, raters: dict[str, int], key: Key = KEY, results: Sequence[CellResult] = ()) -> Tally:
    ballots, refused = read_ballots(cast(folder, key, raters), key)
    return tally(key, ballots, refused, {result.key: result for result in results})


def test_a_planted_ranking_is_found_and_said(tmp_path: Path, capsys: Any) -> None:
    votes = cast(tmp_path / "survey", KEY, {"attentive": 20})
    assert main(["survey-results", str(votes)]) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH
    assert "20 raters of 20 count" in lines[0]
    assert "generator: no metric beside people" in printed
    document = json.loads((tmp_path / "survey" / "survey.json").read_text())
    held = []
    for side in document["sides"]:
        order = sorted(side["contestants"], key=lambda c: -c["strength"])
        assert [c["name"] for c in order][-1] == "none"
        assert order[0]["rank"][0] == 1
        for pair in side["pairs"]:
            low, high = pair["interval"]
            held.append(low < strength(pair["one"]) - strength(pair["other"]) < high)
    assert len(held) == 12
    assert sum(held) >= 9  # how many do in the long run: tests/leaderboard/test_preferences.py
    rows = list(csv.DictReader((tmp_path / "survey" / "survey.csv").open(encoding="utf-8")))
    assert [row["contestant"] for row in rows] == [c.name for c in sorted(KEY.contestants, key=lambda c: c.side)]
    page = (tmp_path / "survey" / "survey.md").read_text()
    assert page.count("| counted |") == 20
    assert main(["survey-results", str(votes)]) == 0
    assert capsys.readouterr().out == printed  # bootstraps are seeded


def test_who_presses_at_random_is_left_out_and_said(tmp_path: Path, capsys: Any) -> None:
    votes = cast(tmp_path, KEY, {"attentive": 8, "random": 4, "left": 1}, seed=1)
    assert main(["survey-results", str(votes)]) == 0
    assert "8 raters of 13 count" in capsys.readouterr().out
    document = json.loads((tmp_path / "survey.json").read_text())
    out = [rater["out"] for rater in document["raters"] if rater["out"]]
    assert len(out) == 5
    assert all(text.endswith("of 8 checks right; 7 are needed") for text in out)
    assert all(text in (tmp_path / "survey.md").read_text() for text in out)
    ballots, _ = read_ballots(votes, KEY)
    mixed = tally(KEY, ballots, [], {})
    clean = tally(KEY, [ballot for ballot in ballots if not judged(ballot, KEY).out], [], {})
    for one, other in zip(clean.sides, mixed.sides, strict=True):
        assert one.votes == other.votes
        assert one.ranking is not None
        assert other.ranking is not None
        np.testing.assert_allclose(one.ranking.strength, other.ranking.strength, atol=1e-5)


def test_the_rule_lets_a_coin_pass_less_often_than_it_says_and_the_attentive_through(tmp_path: Path) -> None:
    for checks in range(FEWEST_CHECKS, 40):
        assert scipy.stats.binom.sf(needed(checks) - 1, checks, 0.5) < FALSE_PASS
        assert scipy.stats.binom.sf(needed(checks) - 2, checks, 0.5) >= FALSE_PASS
    ballots, _ = read_ballots(cast(tmp_path / "random", KEY, {"random": 400}), KEY)
    passed = sum(not judged(ballot, KEY).out for ballot in ballots)
    assert passed <= 30  # 9 in 256 of 400 are 14; more than 30 come once in 10,000 times
    ballots, _ = read_ballots(cast(tmp_path / "attentive", KEY, {"attentive": 50}), KEY)
    assert not any(judged(ballot, KEY).out for ballot in ballots)


def test_who_answered_too_few_checks_is_left_out(tmp_path: Path) -> None:
    votes = cast(tmp_path, KEY, {"attentive": 1})
    file = next(votes.glob("*.json"))
    whole = json.loads(file.read_text())
    checks = [vote for vote in whole["votes"] if vote["question"] in KEY.checks]
    for count, out in ((4, "answered 4 checks; 5 are needed"), (5, ""), (8, "")):
        some = [v for v in whole["votes"] if v["question"] not in KEY.checks] + checks[:count]
        file.write_text(json.dumps({**whole, "votes": some}))
        assert judged(read_ballot(file, KEY), KEY).out == out


def test_few_raters_are_shown_and_decide_nothing(tmp_path: Path) -> None:
    for side in found(tmp_path, {"attentive": 4}).sides:
        assert side.ranking is not None
        assert side.ranking.spread is None
        assert side.ranking.interval(0, 1) is None
        assert (side.ranking.p_values == 1).all()


def test_a_vote_counts_for_the_contestant_whatever_its_side(tmp_path: Path) -> None:
    votes = cast(tmp_path, KEY, {"attentive": 1})
    ballot = read_ballot(next(votes.glob("*.json")), KEY)
    names = [c.name for c in KEY.contestants if c.side == "generator"]
    made = votes_on(KEY, "generator", [ballot])
    by_question = {name: i for i, name in enumerate(KEY.questions)}
    asked = [
        v for v in ballot.votes if KEY.questions[v.question].side == "generator" and not KEY.questions[v.question].right
    ]
    assert len(made) == len(asked)
    for vote in asked:
        row = int(np.flatnonzero(made.question == by_question[vote.question])[0])
        whose = KEY.questions[vote.question].options
        won = {1.0: names[made.one[row]], 0.0: names[made.two[row]], 0.5: ""}[float(made.won[row])]
        assert won == ("" if vote.answer == "tie" else whose[vote.chosen])
        assert {names[made.one[row]], names[made.two[row]]} == set(whose.values())


def result(name: str, values: dict[str, tuple[float, float]], directions: dict[str, str]) -> CellResult:
    points = tuple(Point(t, {metric: both[t] for metric, both in values.items()}) for t in (0, 1))
    info = {metric: MetricInfo(way, False, "0" * 64) for metric, way in directions.items()}  # type: ignore[arg-type]
    return CellResult(
        "small",
        "",
        name,
        0,
        1,
        8,
        (Row("joint", "default", name),),
        ("generator",),
        "complete",
        metrics=points,
        info=info,
    )


def test_metrics_stand_beside_people_with_their_direction(tmp_path: Path) -> None:
    directions = {"generator/good": "up", "generator/bad": "down", "captioner/other": "up"}
    cells = []
    for name in ("none", "accumulate"):
        value, base = strength(name), strength("base")
        both = {"generator/good": (base, value), "generator/bad": (-base, -value), "captioner/other": (0.0, 1.0)}
        cells.append(result(name, both, directions))
    third = replace(KEY.contestants[-1], name="third", row="joint/default/third", cells=("third",))
    cells.append(
        result(
            "third",
            {"generator/good": (0.6, -0.5), "generator/bad": (-0.6, 0.5), "captioner/other": (0, 1)},
            directions,
        )
    )
    contestants = [
        replace(c, cells=("none",) if c.name == "base" else (c.name,)) if c.row else c for c in KEY.contestants
    ]
    key = replace(KEY, contestants=(*contestants, third), questions={
        **KEY.questions, **{f"{i:012x}": replace(q, options={"a" * 11 + str(i): "third", "b" * 11 + str(i): next(iter(q.options.values()))})
        for i, q in enumerate(q for q in KEY.questions.values() if q.side == "generator" and not q.right)}
    })  # fmt: skip
    truth = {**TRUTH, "third": -0.5}
    (tmp_path / "votes").mkdir()
    rng = np.random.default_rng(3)
    for i in range(12):
        (tmp_path / "votes" / f"{i}.json").write_text(json.dumps(voted(key, rng, truth=truth)))
    ballots, _ = read_ballots(tmp_path / "votes", key)
    side = tally(key, ballots, [], {cell.key: cell for cell in cells}).sides[1]
    assert [a.metric for a in side.along] == ["generator/bad", "generator/good"]
    assert all(a.part.effect == pytest.approx(1.0) and a.part.n == 4 for a in side.along)


def test_rank_correlations_are_signed_by_what_is_better_and_need_four() -> None:
    people = {"a": 2.0, "b": 1.0, "c": 0.0, "d": -3.0}
    values = {
        "generator/up": {"a": 9.0, "b": 8.0, "c": 7.0, "d": 1.0},
        "generator/down": {"a": 9.0, "b": 8.0, "c": 7.0, "d": 1.0},
        "generator/same": dict.fromkeys("abcd", 1.0),
        "generator/few": {"a": 1.0, "b": 2.0, "c": 3.0},
    }
    made = along(people, values, {"generator/up": "up", "generator/down": "down", "generator/same": "up"})
    assert [(a.metric, round(a.part.effect, 9)) for a in made] == [("generator/up", 1.0), ("generator/down", -1.0)]
    assert [a.interval for a in made] == [None, None]  # of four that agree wholly, no interval says anything
    values["generator/nearly"] = {"a": 8.0, "b": 9.0, "c": 7.0, "d": 1.0}
    nearly = next(a for a in along(people, values, {}) if a.metric == "generator/nearly")
    assert nearly.part.effect == pytest.approx(0.8)
    assert nearly.interval is not None
    assert nearly.interval[0] < 0.8 < nearly.interval[1]


def test_a_survey_of_sets_feeds_the_claim_that_asks_for_it(tmp_path: Path) -> None:
    variants = ("guidance_1", "guidance_8", "steps_3", "steps_20")
    _, plain = small_survey(sides=("generator",), questions=12)
    names = {"base": variants[0], "accumulate": variants[1], "none": variants[2]}
    claim = {"set_quality_generator": "votes.json"}
    contestants = tuple(
        replace(c, row=f"set_quality_generator/{names[c.name]}/none", iteration=1) if c.row else c
        for c in plain.contestants
    )
    key = replace(plain, of="sets", claims=claim, contestants=contestants)
    made = claim_votes(found(tmp_path / "a", {"attentive": 12}, key))
    assert made.keys() == claim.keys()
    votes = made["set_quality_generator"]
    assert votes.keys() == set(names.values())
    assert votes["guidance_1"] > votes["steps_3"]
    (tmp_path / "votes.json").write_text(json.dumps(votes))
    rows = [BoardRow("set_quality_generator", v, "none", None, (0,), (v,)) for v in votes]
    cells = {
        v: result(v, {"generator/bad": (0.0, -2 * value)}, {"generator/bad": "down"}) for v, value in votes.items()
    }
    cells = {v: replace(cell, rows=(Row("set_quality_generator", v, "none"),)) for v, cell in cells.items()}
    evidence = Evidence(rows, cells, tmp_path)
    claim_on = Correlation("set_quality_generator", "votes", "generator/bad", votes="votes.json", variants=4)
    with pytest.raises(Undecided, match=r"no votes: missing\.json"):
        replace(claim_on, votes="missing.json").judge(evidence)
    fourth = result("extra", {"generator/bad": (0.0, 9.0)}, {"generator/bad": "down"})
    (tmp_path / "votes.json").write_text(json.dumps({**votes, "extra": -5.0}))
    more = Evidence(
        [*rows, BoardRow("set_quality_generator", "extra", "none", None, (0,), ("extra",))],
        {**cells, "extra": fourth},
        tmp_path,
    )
    assert claim_on.judge(more).parts[0].effect == pytest.approx(1.0)  # damage was made to follow the votes
    assert claim_votes(found(tmp_path / "b", {"attentive": 4}, key)) == {}
    assert claim_votes(found(tmp_path / "c", {"attentive": 12}, replace(key, of="samples"))) == {}
    assert claim_votes(found(tmp_path / "d", {"attentive": 12}, replace(key, claims={}))) == {}

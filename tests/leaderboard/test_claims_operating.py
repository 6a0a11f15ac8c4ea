"""How often the claims of `scenes_claims` err, as they ship: rows, seeds, families and margins, on made-up losses.

Rows share seeds and claims share rows, as in the study; losses of a row spread over seeds so that the difference of two
rows spreads by as much as a margin, a quarter of the collapse, which is what `board` shows of such loops.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from benchmarks.planning.planner import make_plan
from leaderboard.claims.family import judge_all, load_claims
from leaderboard.claims.finding import Finding
from leaderboard.claims.trend import Trend
from leaderboard.committed import entry_rows
from leaderboard.entries_parts import read_study
from leaderboard.readings import BoardRow
from leaderboard.series import Evidence, Series
from tests.leaderboard.test_claims_negligible import limit

#: Direction, and the smallest change that is trusted, of what the claims read.
METRICS = {
    "captioner/attribute_accuracy": ("up", 0.01), "generator/frechet": ("down", 0.01),
    "captioner/variance": ("none", 0.16), "generator/variance": ("none", 1.0), "captioner/alignment": ("up", 0.0005),
}  # fmt: skip
#: Spread over seeds of a row's loss, in collapses: of the difference of two rows, a margin.
SPREAD = 0.25 / np.sqrt(2)


@dataclass(frozen=True)
class Losses(Evidence):
    """Rows and seeds of the plan, with a loss for every row and seed, that `series` reads in place of cells."""

    losses: Mapping[tuple[str, str], np.ndarray] = field(default_factory=dict)

    def series(self, row: str, metric: str) -> Series:
        found, metric = self.row(row), metric.partition("@")[0]
        direction, minimum = METRICS[metric]
        lost = self.losses[row, metric][np.array(found.seeds) - 200]
        curves = np.outer(lost if direction != "up" else -lost, np.arange(6) / 5)
        return Series(
            row, f"{metric}@n=512", direction, found.seeds, 512, 5, "p", frozenset({"cpu"}), minimum, curves, ()
        )


PLAN = make_plan("scenes_claims")
CLAIMS = load_claims(PLAN.suite.claims, PLAN.file)
ROWS = [BoardRow(r.scenario, r.variant, r.mitigation, None, tuple(r.seeds), tuple(r.keys)) for r in PLAN.rows]
NONE = [row for row in ROWS if row.mitigation == "none"]

#: Mean losses at which claims are true, or false, by exactly their margins; 1 where a variant is not named.
EDGE = {
    "default": 0.8, "captioner_frozen": 0.75, "generator_frozen": 1.25, "closed": 1.25,
    "k3_live": 1 - 0.25 * np.log(3) / np.log(5), "k5_live": 0.75, "k3_frozen": 1 + 0.25 * np.log(3) / np.log(5),
    "k5_frozen": 1.25, "k3_copies": 1.25 - 0.25 * np.log(3) / np.log(5), "steps_5": 0.9, "steps_10": 0.8,
    "steps_20": 0.7, "beams_2": 0.875, "beams_4": 0.75, "temperature_0.5": 0.7, "temperature_1.0": 0.8,
    "temperature_1.5": 0.9, "steps_5_equal_evaluations": 0.7, "steps_20_equal_evaluations": 0.9,
    "beams_4_equal_evaluations": 0.75,
}  # fmt: skip


def losses(world: str, rng: np.random.Generator) -> dict[tuple[str, str], float]:
    """Return mean losses, and courses in units of their margins times that, by row and metric.

    Args:
        world: "nothing": all loops lose the same, and no course goes anywhere; "edge": claims are true, or false, by
            their margins; "any": by up to two margins, drawn anew.
        rng: Of "any".
    """
    found = {}
    for row in ROWS:
        for metric, (_, trusted) in METRICS.items():
            course = "variance" in metric or "alignment" in metric
            if row.mitigation == "real":
                mean = 0.0
            elif world == "nothing":
                mean = 0.0 if course else 1.0
            elif world == "edge":
                mean = trusted if course else EDGE.get(row.variant, 1.0)
            else:
                mean = trusted * rng.uniform(-2, 2) if course else 1 + 0.25 * rng.uniform(-2, 2)
            found[str(row.name), metric] = mean
    return found


def evidence(means: dict[tuple[str, str], float], rng: np.random.Generator | None, rows: list[BoardRow]) -> Losses:
    """Return rows whose losses spread over 24 seeds; without a generator all seeds are alike."""
    made = {}
    for (row, metric), mean in means.items():
        course = "variance" in metric or "alignment" in metric
        spread = (METRICS[metric][1] if course else SPREAD) * (0.25 if row.endswith("/real") else 1.0)
        made[row, metric] = mean + (0.0 if rng is None else spread * rng.normal(size=24)) + np.zeros(24)
    return Losses(rows, {}, losses=made)


def studies(world: str, count: int, rows: list[BoardRow] = ROWS) -> list[list[tuple[str, str, Finding]]]:
    """Return of every study the family, the verdict and the truth of every claim."""
    found: list[list[tuple[str, str, Finding]]] = []
    for index in range(count):
        rng = np.random.default_rng([index, len(world)])
        means = losses(world, rng)
        if world == "any" or not found:
            certain = evidence(means, None, rows)
            truth = [kind.judge(certain) for _, kind in CLAIMS]
        verdicts = judge_all("simulated", CLAIMS, evidence(means, rng, rows)).verdicts
        found.append([(v.claim.family, v.word, true) for v, true in zip(verdicts, truth, strict=True)])
    return found


def wrong(word: str, true: Finding) -> str:
    """Return the kind of error that a verdict is; "" where it is none. Without a spread p values are 0 or 1."""
    if word in ("supported", "contradicted"):
        p = true.p_support if word == "supported" else true.p_contra
        return "sign" if p > 0.5 else ""
    return "size" if word == "negligible" and true.p_negligible > 0.5 else ""


@pytest.mark.parametrize("world", ["nothing", "edge", "any"])
@pytest.mark.parametrize("count", [25, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_family_as_it_ships_errs_in_one_study_of_twenty_at_most(world: str, count: int) -> None:
    made = studies(world, count)
    for kind in ("sign", "size"):
        of_studies = Counter(
            family for study in made for family in {family for family, word, true in study if wrong(word, true) == kind}
        )
        for family, times in of_studies.items():
            assert times / count <= limit(0.05, count), (family, kind)


def words(world: str, count: int, seeds: int) -> Counter[str]:
    """Return the verdicts on the primary claims that have 24 seeds, read at some of them."""
    rows = [row.at(range(200, 200 + seeds)) for row in ROWS]
    close = [
        word
        for study in studies(world, count, rows)
        for (_, word, _), (claim, _) in zip(study, CLAIMS, strict=True)
        if claim.family == "primary" and claim.name.startswith(("members", "relabel", "joint"))
    ]
    return Counter({word: times / len(close) for word, times in Counter(close).items()})


def test_nothing_comes_out_as_nothing_at_the_seeds_that_ship_and_seldom_at_half() -> None:
    assert words("nothing", 15, 24)["negligible"] > 0.9
    assert words("nothing", 15, 12)["negligible"] < 0.5


def test_trends_spread_by_more_than_their_margins_on_the_board() -> None:
    """What docs/claims.md says of them: differences spread by a margin, and trends by this many."""
    rows, cells = entry_rows(read_study("board"))
    known = Evidence(rows, cells)
    margins = {}
    for claim, kind in CLAIMS:
        if isinstance(kind, Trend):
            (course,) = kind.courses
            own, real = (known.series(row, course.metric) for row in (kind.row, kind.control))
            change = np.subtract(*(series.curves[:, -1] - series.curves[:, 0] for series in (own, real)))
            margins[claim.name] = change.std(ddof=1) / course.margin
    assert margins == {
        "captioner_variance_rises": pytest.approx(1.7, abs=0.05),
        "captioner_alignment_improves": pytest.approx(12.8, abs=0.05),
        "generator_variance_falls": pytest.approx(1.0, abs=0.05),
    }

"""What a set does to a model that learns from it: one fit on its pairs beside one on as many real ones.

A small study of its own (`suites/damage.yaml`, or any suite), planned, kept and resumed as every other one: base, fit
settings, evaluation and seeds are the suite's, the set is a method of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from benchmarks.planning.needs import require_fit
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.reporting.boards import make_board
from benchmarks.running.execute import Reporter
from benchmarks.running.study import run_study
from benchmarks.study.loading import load_suite
from leaderboard.claims.family import judge_all, load_claims
from leaderboard.claims.finding import Part
from leaderboard.committed import entry_board
from leaderboard.entries import FOLDER, read_entries
from leaderboard.grain import above, below, difference, grain, items_of
from leaderboard.series import Evidence, NoSeries
from leaderboard.statistics import SEEDS_FOR_INTERVALS, holm, paired_p, t_interval
from leaderboard.text import number
from records.errors import UsageError
from records.files import write_text

SUITE, SET, REAL = "damage", "this_set", "these_real"
LEVEL = 0.05


@dataclass(frozen=True)
class Pairs:
    """Where pairs lie and what they are.

    Attributes:
        path: Of the set.
        layout: How it lies there.
        columns: Which column is what.
        items: How many pairs there are.
        digest: Of what the set holds.
    """

    path: Path
    layout: str
    columns: dict[str, str]
    items: int
    digest: str


@dataclass(frozen=True)
class Damage:
    """What a fit on the set did beside one on real pairs.

    Attributes:
        side: Of which model.
        metric: Its headline, with its judge and number of items.
        base: Mean before any fit.
        real: Mean after a fit on real pairs.
        value: Mean after a fit on the set.
        worse, low, high: How much worse that is, over seeds, with a 95 % interval.
        p: Two-sided, of the paired t test, Holm-adjusted over all that were compared: models, or scenarios.
        effect: The smallest change that the metric is trusted to see.
        seeds: How many.
    """

    side: str
    metric: str
    base: float
    real: float
    value: float
    worse: float
    low: float
    high: float
    p: float
    effect: float
    seeds: int

    @property
    def word(self) -> str:
        """Return what that comes to: worse, better, as real where all of the interval is too small to matter."""
        if below(self.p, LEVEL) and above(abs(self.worse), self.effect):
            return "worse" if self.worse > 0 else "better"
        return "not told" if above(max(-self.low, self.high), self.effect) else "as real"

    @property
    def sentence(self) -> str:
        """Return it in words."""
        numbers = f"{self.metric} {number(self.value)} for {number(self.real)}, {number(self.base)} before"
        ends = {"worse": "ends worse than", "better": "ends better than", "as real": "ends as"}
        end = ends.get(self.word, "is not told from")
        if self.word == "not told":
            one = self.seeds < SEEDS_FOR_INTERVALS
            numbers += "; one seed tells nothing" if one else f"; worse by {number(self.low)} to {number(self.high)}"
        return f"A {self.side} that learns from it {end} one that learns from as many real pairs ({numbers})."


def damage(
    found: Pairs, real: Pairs | None, suite: str, runs: Path, folder: Path, workers: int | None, reporter: Reporter
) -> list[Damage]:
    """Fit the bases of a suite on a set and on real pairs, and compare.

    Args:
        found: The set.
        real: Real pairs; None = those of the suite's testbed.
        suite: A shipped name or a file; one iteration of it is run, under `real` and the set alone.
        runs: Folder of stores and results.
        folder: Where the methods that the sets are, are written.
        workers: As `run_study`.
        reporter: Shows what happens.

    Raises:
        UsageError: A set has too few pairs, or the suite cannot be run.
    """
    read, _ = load_suite(suite)
    fewest = min(read.n, found.items, real.items if real else read.n)
    words = ["--iterations=1", "--mitigations=[real]", "--claims=[]", "--gates=[]"] if suite != SUITE else []
    words += [f"--n={fewest}"] if fewest < read.n else []
    batch = max(getattr(read.fit, side).batch_size for side in ("captioner", "generator") if getattr(read.fit, side))
    if fewest < batch:
        raise UsageError(f"--damage: found {fewest} pairs; allowed: {batch} or more, a batch of {suite}")
    methods = [_written(folder, SET, found), *([_written(folder, REAL, real)] if real else [])]
    plan = make_plan(suite, words, [str(file) for file in methods])
    require_fit(plan)
    control = REAL if real else "real"
    cells = plan.select(key for row in plan.rows if row.mitigation in (SET, control) for key in row.keys)
    outcome = run_study(plan, runs, workers=workers, cells=cells, mirror=False, reporter=reporter)
    if outcome.failed:
        raise UsageError(f"--damage: {outcome.failed[0].error}; the logs are in {plan.home(runs) / 'errors'}")
    return compared(plan, runs, control)


def _written(folder: Path, name: str, pairs: Pairs) -> Path:
    arguments = {
        "root": str(pairs.path.resolve()), "items": pairs.items, "content": pairs.digest, "layout": pairs.layout,
        **({"columns": pairs.columns} if pairs.columns else {}),
    }  # fmt: skip
    about = {
        "schema": 1, "name": name, "summary": "N pairs of a set that was measured",
        "class_path": "benchmarks.measuring.given.GivenSet", "init_args": arguments, "source": "measure --damage",
        "constants": "none", "consumes": "N pairs of the set an iteration",
    }  # fmt: skip
    file = folder / f"{name}.yaml"
    write_text(file, yaml.safe_dump(about, sort_keys=False, allow_unicode=True))
    return file


def compared(plan: Plan, runs: Path, control: str) -> list[Damage]:
    """Return the headline of every side that a set was fitted to, beside that of a control, as one family of tests."""
    board = make_board(plan, plan.results(runs))
    evidence = Evidence(board.rows, board.results, plan.file.parent)
    found = []
    for row in (row for row in board.rows if row.mitigation == SET):
        start = f"{row.scenario}/{row.variant}"
        for metric in _headlines(plan, row.keys, evidence):
            try:
                own, other = (evidence.series(f"{start}/{name}", metric) for name in (SET, control))
            except NoSeries:
                continue
            gap, items = difference(own.worsening(), other.worsening()), items_of(own.metric)
            interval = t_interval(gap, least=grain(gap, items))
            base, value, real = (float(np.mean(x)) for x in (own.curves[:, 0], own.curves[:, -1], other.curves[:, -1]))
            found.append(
                Damage(
                    metric.partition("/")[0], metric, base, real, value, interval.mean, interval.low, interval.high,
                    paired_p(own.worsening(), other.worsening(), items), own.minimum_effect, len(own.seeds),
                )
            )  # fmt: skip
    adjusted = holm([one.p for one in found])  # two sides are two chances of a false word
    return [replace(one, p=p) for one, p in zip(found, adjusted, strict=True)]


def predictors() -> list[tuple[str, str]]:
    """Return what was found to go with damage on drawn scenes: statements of `scenes_quality` and their effects."""
    suite, file = load_suite("scenes_quality")
    board = entry_board(read_entries(suite.name, FOLDER))
    family = judge_all(suite.name, load_claims(suite.claims, file), Evidence(board.rows, board.results, file.parent))
    return [
        (verdict.claim.statement, "; ".join(map(_effect, verdict.finding.parts)))
        for verdict in family.verdicts
        if verdict.word == "supported"
    ]


def _effect(part: Part) -> str:
    return f"{part.label}: {number(part.effect)} [{number(part.low)}, {number(part.high)}]"


def _headlines(plan: Plan, keys: Sequence[str], evidence: Evidence) -> list[str]:
    """Return the headline metrics of the sides that a cell trains."""
    cell = evidence.results[keys[0]]
    trained = plan.cells[keys[0]].cell.scenario.trains
    return [name for name, info in cell.info.items() if info.primary and name.partition("/")[0] in trained]

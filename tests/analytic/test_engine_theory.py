"""The benchmark measures theory: analytic suites, planned and executed as the command line does, against closed forms.

Only the store and the executor are injected. A hundred seeds run in the fast tests; the slow test runs a thousand
and prints how well each number agrees.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.planning.planner import make_plan
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor
from benchmarks.steps import Curate
from records.results import Cost
from tests.analytic import pair_theory, theory
from tests.analytic.agreement import Trajectories, assert_between, assert_falls, assert_mean, power, scores, stacked
from tests.memory_store import MemoryStore

pytestmark = pytest.mark.theory
N, T, FEW, MANY = 32, 5, 100, 1000
t = np.arange(1, T + 1)
FAMILIES = "benchmarks.analytic.families."


class Run:
    """An analytic suite over some seeds; `rows` are the results of each row in the order of the seeds."""

    def __init__(self, folder: Path, suite: str, seeds: int, family: str = "PoolLaw", **overrides: object) -> None:
        changes = {"metrics": [FAMILIES + family], "primary": {}, "iterations": T, **overrides}
        arguments = [f"--{key}={json.dumps(value)}" for key, value in changes.items()]
        study = make_plan(suite, [*arguments, f"--seeds={list(range(seeds))}"])
        assert {(c.cell.n, c.cell.iterations) for c in study.cells.values()} == {(N, T)}
        outcome = execute(study, MemoryStore(), InProcessExecutor(), folder / suite)
        assert {r.status for r in outcome.results.values()} == {"complete"}
        self.data = study.world.data
        self.rows = {(r.variant, r.mitigation): [outcome.results[key] for key in r.keys] for r in study.rows}

    def read(self, metric: str, mitigation: str = "none", variant: str = "default", at: np.ndarray = t) -> Trajectories:
        """{seed: (iterations,)} of one metric; the set of iteration t is model t, without sampling error."""
        name = f"{metric}@n={N}"  # no set has more, however many are evaluated
        return {r.seed: np.array([r.value(name, int(i)) for i in at]) for r in self.rows[variant, mitigation]}

    def prompt_counts(self) -> np.ndarray:
        """(K,) items of each class in the prompt split."""
        classes = self.data.classes("prompts", np.arange(self.data.sizes["prompts"]))
        return np.bincount(classes, minlength=len(self.data.shares))


class Report:
    """Asserts, and keeps the largest deviation of each comparison in standard errors."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def mean(self, what: str, found: Trajectories, expected: np.ndarray, sd: np.ndarray | None = None) -> None:
        z = scores(found, expected, sd)
        end = f"{stacked(found)[:, -1].mean():.4f} against {expected[-1]:.4f}"
        self.lines.append(f"{what:52} at T {end}   largest |z| {np.abs(z).max():.2f}")
        assert_mean(found, expected, sd)


def one_gaussian(folder: Path, seeds: int, report: Report) -> None:
    run = Run(folder, "analytic", seeds, mitigations=["none", "accumulate"])
    variance = run.read("set/variance_total")
    mean, square = theory.refit_variance(N, t), theory.refit_variance_square(N, t)
    report.mean("one Gaussian: variance", variance, mean, np.sqrt(square - mean**2))
    logs, spread = theory.refit_log_variance(N, t)
    report.mean("one Gaussian: log variance", {s: np.log(v) for s, v in variance.items()}, logs, np.sqrt(spread))
    assert power(logs[-1], np.sqrt(spread[-1]), seeds, T) > 0.9
    report.mean("one Gaussian: drift of the mean", run.read("set/mean_drift"), theory.refit_drift(N, t))
    images = run.data.images("prompts", np.arange(run.data.sizes["prompts"]))
    kept, moved = theory.accumulate(N, T, *theory.finite_sample(images, N))
    report.mean("one Gaussian, accumulate: variance", run.read("set/variance_total", "accumulate"), kept[1:])
    report.mean("one Gaussian, accumulate: drift of the mean", run.read("set/mean_drift", "accumulate"), moved[1:])


def drifting_text(folder: Path, seeds: int, report: Report) -> None:
    run = Run(folder, "analytic_text", seeds, mitigations=["none", "accumulate"])
    shares = run.data.shares
    lost = theory.drift_heterozygosity(N, t, shares)
    report.mean("text: diversity", run.read("set/heterozygosity"), lost)
    tail = {k: theory.drift_law(N, shares[k], T) for k in (6, 7, 8)}
    alive = np.mean([theory.alive(law) for law in tail.values()], axis=0)
    report.mean("text: tail classes alive", run.read("set/tail_alive"), alive)
    survival = np.mean([theory.survival(law, shares[k]) for k, law in tail.items()], axis=0)
    report.mean("text: tail survival", run.read("set/tail_survival"), survival)
    kept = theory.accumulate_heterozygosity(N, T, shares, run.prompt_counts())[1:]
    accumulated = run.read("set/heterozygosity", "accumulate")
    report.mean("text, accumulate: diversity", accumulated, kept)
    assert power(kept[-1] - lost[-1], stacked(run.read("set/heterozygosity"))[:, -1].std(), seeds, T) > 0.999


def frozen_images(folder: Path, seeds: int, report: Report) -> None:
    variants = ["generator_frozen_closed", "generator_frozen"]
    scenarios = [{"file": "frozen_relabel", "variants": variants}]
    run = Run(folder, "analytic_frozen_images", seeds, scenarios=scenarios)
    prompts = theory.count_law(int(run.prompt_counts().sum()), int(run.prompt_counts()[0]), N)
    means, variances = run.data.means, run.data.variances
    for variant, closed in zip(variants, (True, False), strict=True):
        law = pair_theory.reading_law(N, 0.7, means, variances, prompts, T, closed)
        expected = pair_theory.two_class_heterozygosity(law)
        found = run.read("set/heterozygosity", variant=variant)
        report.mean(f"frozen images, {'closed' if closed else 'real prompts'}: diversity", found, expected)


def frozen_text(folder: Path, seeds: int, report: Report) -> None:
    variant = "captioner_frozen_closed"
    scenarios = [{"file": "frozen_relabel", "variants": [variant]}]
    run = Run(folder, "analytic_frozen_text", seeds, "ImageMoments", scenarios=scenarios)
    counts = run.prompt_counts()
    for metric, k in (("variance_head", 0), ("variance_tail", 2)):
        law = theory.count_law(int(counts.sum()), int(counts[k]), N)
        mean = theory.class_variance(law, T, same=True)[1:]
        sd = np.sqrt(theory.class_variance_square(law, T, same=True)[1:] - mean**2)
        # evaluation noise is the same at every iteration, so the ratio to iteration 0 is the model's own
        first, later = (run.read(f"generator/{metric}", variant=variant, at=at) for at in (np.zeros(1), t))
        found = {seed: later[seed] / first[seed] for seed in later}
        report.mean(f"frozen text, {'frequent' if k == 0 else 'rare'} class: variance", found, mean, sd)


def both_live(folder: Path, seeds: int, report: Report) -> None:
    run = Run(folder, "analytic_pair", seeds, scenarios=[{"file": "joint_finetune", "variants": ["closed"]}])
    total, within, diversity = (
        run.read(f"set/{name}", variant="closed") for name in ("variance_total", "variance_within", "heterozygosity")
    )
    residual = {s: pair_theory.contraction_residual(total[s], within[s], N) for s in total}
    report.mean("both live: what images lose less what is spent", residual, np.zeros(T))
    assert_falls(within)
    first = stacked(diversity)[:, 0].mean()
    assert_between(diversity, first * theory.refit_variance(N, t - 1), np.full(T, first))
    ends = stacked(within)[:, -1].mean(), stacked(diversity)[:, -1].mean()
    report.lines.append(f"both live: variance within classes {ends[0]:.3f}, diversity {ends[1]:.3f} at T")


LOOPS: list[Callable[[Path, int, Report], None]] = [one_gaussian, drifting_text, frozen_images, frozen_text, both_live]


#: One loop of each modality is among the fast tests.
QUICK = (one_gaussian, drifting_text)


@pytest.mark.parametrize(
    "loop",
    [pytest.param(loop, id=loop.__name__, marks=[pytest.mark.slow] * (loop not in QUICK)) for loop in LOOPS],
)
def test_the_engine_measures_theory(loop, tmp_path):
    loop(tmp_path, FEW, Report())


@pytest.mark.slow
def test_a_thousand_seeds_agree_with_theory_in_two_minutes(tmp_path):
    report, began = Report(), time.process_time()
    for loop in LOOPS:
        loop(tmp_path, MANY, report)
    spent = time.process_time() - began
    print("", *report.lines, f"{MANY} seeds a loop, {spent:.0f} seconds of processor time", sep="\n")
    assert spent < 120


def test_the_comparison_fails_when_curate_is_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(Curate, "run", lambda step, context: (context.pool(step.inputs["new"]), Cost()))
    with pytest.raises(AssertionError, match="z"):
        drifting_text(tmp_path, FEW, report := Report())
    assert report.lines[-1].startswith("text, accumulate")

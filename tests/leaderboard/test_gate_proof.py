"""The gate on real runs: unchanged code passes whatever its seeds, a broken method and a wrong line do not.

All slow: 14 seconds of processor time a run of the analytic suite, minutes a run of the scenes one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.analytic import models
from benchmarks.mitigations.accumulate import Accumulate
from benchmarks.planning.planner import make_plan
from benchmarks.reporting.evidence import evidence, settings
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor
from benchmarks.study.loading import ROOT
from datamodules.pairs import Pairs
from leaderboard.baseline import read
from leaderboard.gate import Report, check
from records.place import kept
from tests.memory_store import MemoryStore

pytestmark = pytest.mark.slow

# --- models with a known collapse, in this process


def analytic(folder: Path, suite: str, seeds: range) -> Report:
    """Run a suite from nothing and hold it against the shipped baseline."""
    plan = make_plan(suite, [f"--seeds={list(seeds)}"])
    outcome = execute(plan, MemoryStore(), InProcessExecutor(), plan.results(folder))
    baseline = read(kept("baselines") / "analytic.json")
    return check(plan.suite.gates, baseline, evidence(plan, folder), settings(plan), outcome.computed)


def statuses(report: Report) -> dict[str, str]:
    return {o.trend.gate.name: o.status for o in report.outcomes}


@pytest.mark.parametrize("first", [0, 100, 200, 300])
def test_unchanged_analytic_runs_pass(first, tmp_path):
    report = analytic(tmp_path, "analytic", range(first, first + 20))
    assert set(statuses(report).values()) == {"pass"}
    assert [o.identical for o in report.outcomes] == [first == 0] * 4, "the baseline holds seeds 0 to 19"


def test_a_broken_analytic_method_is_caught(tmp_path, monkeypatch):
    """Meant to keep what came before, it keeps the newest pool over and over."""
    monkeypatch.setattr(Accumulate, "curate", lambda self, ctx: Pairs.concat([ctx.new] * (ctx.iteration + 1)))
    found = statuses(analytic(tmp_path, "analytic", range(500, 520)))
    assert found == {"none": "pass", "real": "pass", "accumulate": "regression", "fresh_real": "pass"}


def test_a_wrong_line_in_an_analytic_fit_is_caught(tmp_path, monkeypatch):
    """The sum of squares where their mean should be: nothing's version is raised, no key changes."""
    keys = list(make_plan("analytic").steps)
    right = models.refit_moments

    def wrong(means: Any, variances: Any, classes: Any, weights: Any, images: Any) -> Any:
        new_means, new_variances, loss = right(means, variances, classes, weights, images)
        return new_means, new_variances * weights.sum(), loss

    monkeypatch.setattr(models, "refit_moments", wrong)
    assert list(make_plan("analytic").steps) == keys
    assert "regression" in statuses(analytic(tmp_path, "analytic", range(500, 520))).values()


# --- the shipped bases, through the command line


def scenes(root: Path, suite: str | Path, *arguments: object) -> tuple[int, dict[str, Any], str]:
    """Run the check as a workflow does; return its exit code, its JSON and what it printed beside."""
    command = [sys.executable, "-m", "benchmarks", "check", str(suite), "--format", "json", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def results(report: dict[str, Any]) -> dict[str, str]:
    return {gate["name"]: gate["status"] for gate in report["gates"]}


@pytest.mark.parametrize("first", [10, 15, 20])
def test_unchanged_scenes_runs_pass(first):
    code, report, errors = scenes(ROOT, "gate_scenes", f"--seeds={list(range(first, first + 5))}")
    assert code == 0, errors
    assert report["steps_computed"] > 100
    assert not any(gate["seeds_shared"] for gate in report["gates"]), "the baseline holds seeds 0 to 9"


UNTRAINED_RELABEL = '''
import copy

import torch

from benchmarks.methods.hooks import Mitigation


class Untrained(Mitigation):
    """Relabelling meant to use the base captioner, which never got its weights."""

    reads = {"relabel": ("base",)}

    def relabel(self, ctx):
        model = copy.deepcopy(ctx.base)
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(0.02 * torch.randn(parameter.shape, generator=generator))
        return ctx.caption(model)
'''


def copied(folder: Path) -> Path:
    """Copy the code, to be broken, into a folder."""
    for room in ("benchmarks", "lightning_modules", "datamodules", "leaderboard", "records", "suites"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_relabelling_with_an_untrained_captioner_is_caught(tmp_path):
    root = copied(tmp_path)
    (root / "benchmarks" / "mitigations" / "untrained.py").write_text(UNTRAINED_RELABEL)
    where = "class_path: benchmarks.mitigations.untrained.Untrained"
    (root / "suites" / "mitigations" / "frozen_relabel.yaml").write_text(f"schema: 1\nname: frozen_relabel\n{where}\n")
    code, report, errors = scenes(root, "gate_scenes", "--seeds=[10,11,12,13,14]")
    assert code == 1, errors
    found = results(report)
    assert found["relabel_bleu4"] == found["relabel_accuracy"] == "regression"
    assert {found[name] for name in found if not name.startswith("relabel")} == {"pass"}


#: One line of a loss, wrong: the caption is read at the place where it is to be written, so the answer is in the question.
LINE = "ids = torch.cat([torch.full_like(known[:, :1], self.family.start), known[:, :-1]], 1)"
WRONG = "ids = known"


def test_one_wrong_line_in_a_loss_without_a_version_bump_is_caught(tmp_path):
    file = copied(tmp_path) / "lightning_modules" / "captioning" / "captioner.py"
    text = file.read_text()
    assert text.count(LINE) == 1
    file.write_text(text.replace(LINE, WRONG))
    code, report, errors = scenes(tmp_path, "gate_scenes", "--seeds=[10,11,12,13,14]")
    assert code == 1, errors
    found = results(report)
    assert "regression" in {status for name, status in found.items() if not name.startswith("generator")}
    assert {found["generator_accuracy"], found["generator_frechet"]} == {"pass"}

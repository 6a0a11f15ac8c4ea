"""Every shipped YAML parses and plans, quickly and without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.planning.plan import make_plan
from benchmarks.study.loading import ROOT, SUITES, load_mitigation, load_scenarios, read
from benchmarks.study.testbed import Testbed as BedFile

SUITE_FILES = sorted(p.stem for p in SUITES.glob("*.yaml"))


@pytest.mark.parametrize("name", SUITE_FILES)
def test_every_suite_plans(name: str) -> None:
    plan = make_plan(name, ["--seeds", "[0]"] if name.startswith("analytic") else [])
    assert plan.steps
    assert plan.rows
    assert plan.suite.name == name


@pytest.mark.parametrize("file", sorted((SUITES / "scenarios").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_scenario_parses(file: Path) -> None:
    variants = load_scenarios(str(file), SUITES / "x.yaml", None)
    assert {v.name for v in variants} == {file.stem}


@pytest.mark.parametrize("file", sorted((SUITES / "testbeds").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_testbed_parses(file: Path) -> None:
    assert read(BedFile, file).name == file.stem


@pytest.mark.parametrize("file", sorted((SUITES / "mitigations").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_mitigation_parses(file: Path) -> None:
    assert load_mitigation(file.stem, SUITES).name == file.stem


@pytest.mark.parametrize("name", ["paper_full", "scenes_full"])
def test_big_studies_share_steps_and_plan_without_torch(name: str) -> None:
    code = (
        "import sys, contextlib, io, json\n"
        "from benchmarks.commands.main import main\n"
        "out = io.StringIO()\n"
        "with contextlib.redirect_stdout(out):\n"
        f"    assert main(['plan', {name!r}, '--format', 'json']) == 0\n"
        "facts = json.loads(out.getvalue())\n"
        "assert {'suite', 'digest', 'protocol', 'cells', 'steps_total', 'steps_unique', 'steps_done'} <= set(facts)\n"
        "print(facts['steps_unique'] / facts['steps_total'], 'torch' in sys.modules or 'scipy.stats' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    share, torch = done.stdout.split()
    assert float(share) <= 0.75
    assert torch == "False"

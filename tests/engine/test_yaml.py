"""Every shipped YAML parses and plans, quickly and without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.planning.planner import make_plan
from benchmarks.study.loading import ROOT, SUITES, extended, load_mitigation, load_scenarios, read
from benchmarks.study.metric_groups import MetricGroup, families
from benchmarks.study.suite import Suite
from benchmarks.study.testbed import AttributeList
from benchmarks.study.testbed import Testbed as BedFile
from records.errors import UsageError
from records.typed import typed

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


@pytest.mark.parametrize("file", sorted((SUITES / "attributes").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_list_of_attributes_parses(file: Path) -> None:
    assert read(AttributeList, file).name == file.stem


@pytest.mark.parametrize("file", sorted((SUITES / "bases").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_base_has_keys_of_a_suite_or_a_testbed_and_is_used(file: Path) -> None:
    whole = extended(file)
    with pytest.raises(UsageError, match=r": (schema|name|testbed|scenarios) is missing$"):  # unknown keys go first
        typed(BedFile if "captioners" in whole.data else Suite, whole.data, file)
    assert "name" not in whole.data
    others = [f for f in SUITES.rglob("*.yaml") if f != file]
    assert any(f"extends: bases/{file.stem}\n" in f.read_text(encoding="utf-8") for f in others)


@pytest.mark.parametrize("file", sorted((SUITES / "metrics").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_metric_group_parses(file: Path) -> None:
    assert read(MetricGroup, file).name == file.stem
    assert families([file.stem], SUITES / "x.yaml", lambda group: read(MetricGroup, group), SUITES / "metrics")


def test_no_folder_of_shipped_files_is_left_out() -> None:
    folders = {p.parent.relative_to(SUITES).as_posix() for p in SUITES.rglob("*.yaml")}
    assert folders == {".", "attributes", "bases", "metrics", "mitigations", "scenarios", "testbeds"}


@pytest.mark.parametrize("name", ["paper_full", "scenes_claims"])
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

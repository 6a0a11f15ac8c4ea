"""The gate as people run it, on a small analytic study: exit codes, an empty store, and no torch in the comparison."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from benchmarks.commands.main import main
from benchmarks.planning.planner import make_plan
from benchmarks.study.loading import ROOT, SUITES
from leaderboard.baseline import read
from leaderboard.fitting import LINES, WIDTH
from records.errors import UsageError
from records.findings import ClaimSpec, Gate, check_findings
from tests.engine.conftest import write_suite

ROW = "single_model_generator/default/none"
GATES = [{"name": "variance", "row": ROW, "metric": "generator/variance", "relevant": 5.0, "watch": "both"}]
CLAIMS = [
    {
        "name": "variance_falls", "statement": "Variance falls.", "class_path": "leaderboard.claims.trend.Trend",
        "init_args": {"row": ROW, "courses": [{"metric": "generator/variance", "expect": "falls"}]},
    }
]  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A suite that ran, and its baseline."""
    folder = tmp_path_factory.mktemp("gate")
    suite = write_suite(folder, gates=GATES, claims=CLAIMS, seeds=[0, 1, 2])
    runs, file = folder / "runs", folder / "small.json"
    assert main(["run", str(suite), "--runs", str(runs), "--workers", "0", "--no-mirror"]) == 0
    assert main(["baseline", str(suite), "--runs", str(runs), "--baseline", str(file)]) == 0
    return suite, runs, file


def test_check_runs_in_an_empty_store_and_passes(study, tmp_path, capsys):
    suite, runs, file = study
    steps = len(make_plan(str(suite)).steps)
    given = ["--baseline", str(file), "--workers", "0", "--junit", str(tmp_path / "j.xml")]
    capsys.readouterr()
    assert main(["check", str(suite), *given]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert f"{steps} steps computed, 1 trend compared" in printed
    assert "3 of them in the baseline and identical there" in printed
    assert "prevented" not in printed, "the board of the run is no part of the report"
    assert 'failures="0"' in (tmp_path / "j.xml").read_text()
    found = main(["check", str(suite), "--baseline", str(file), "--runs", str(runs), "--format", "json"])
    assert found == 0


def test_the_exit_codes(study, tmp_path, capsys, monkeypatch):
    suite, runs, file = study
    common = ["--baseline", str(file), "--runs", str(runs)]
    document = json.loads(file.read_text())
    trend = document["trends"][0]
    trend["values"] = {seed: value + 50 for seed, value in trend["values"].items()}
    moved = tmp_path / "moved.json"
    moved.write_text(json.dumps(document))
    capsys.readouterr()
    assert main(["check", str(suite), "--baseline", str(moved), "--runs", str(runs), "--format", "github"]) == 1
    assert "::error title=small%3A variance::regression" in capsys.readouterr().out
    assert main(["check", str(suite), *common[:2], "--runs", str(tmp_path / "nothing")]) == 2
    assert "computed no step" in capsys.readouterr().err
    junit = tmp_path / "e.xml"
    assert main(["check", str(suite), *common, "--n", "8", "--junit", str(junit)]) == 2, "another protocol"
    assert 'errors="1"' in junit.read_text()
    assert main(["check", str(suite), "--baseline", str(tmp_path / "no.json"), "--runs", str(runs)]) == 2
    assert "make baseline" in capsys.readouterr().err
    assert main(["baseline", str(write_suite(tmp_path / "bare")), "--runs", str(runs)]) == 2
    assert "gates: found none" in capsys.readouterr().err
    assert main(["claims", str(write_suite(tmp_path / "bare")), "--runs", str(runs)]) == 2


def test_a_file_that_cannot_be_written_is_no_regression(study, tmp_path, capsys):
    suite, runs, file = study
    (tmp_path / "taken").write_text("a file, not a folder")
    given = ["--baseline", str(file), "--runs", str(runs), "--junit", str(tmp_path / "taken" / "j.xml")]
    assert main(["check", str(suite), *given]) == 2
    assert "taken" in capsys.readouterr().err


def test_another_protocol_names_the_setting(study, capsys, tmp_path):
    suite, _, file = study
    runs = tmp_path / "runs"
    given = ["--fit.generator.learning_rate", "0.5"]
    assert main(["run", str(suite), "--runs", str(runs), "--workers", "0", "--no-mirror", *given]) == 0
    capsys.readouterr()
    assert main(["check", str(suite), "--baseline", str(file), "--runs", str(runs), *given]) == 2
    error = capsys.readouterr().err
    assert "fit.generator.learning_rate: 1.0 then, 0.5 now" in error
    assert error.count(" then, ") == 1, "and nothing else"


def test_claims_are_written_beside_the_board(study, capsys):
    suite, runs, _ = study
    assert main(["claims", str(suite), "--runs", str(runs)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("small: 1 claim, 1 undecided; from the result files in")
    assert "Undecided: variance_falls (3 seeds are descriptive; 5 are needed)." in shown
    assert len(shown) <= LINES
    assert max(map(len, shown)) <= WIDTH
    assert main(["claims", str(suite), "--runs", str(runs), "--format", "markdown"]) == 0
    page = capsys.readouterr().out
    assert "| variance_falls | Variance falls. | **undecided** |" in page
    assert "3 seeds are descriptive; 5 are needed" in page
    assert (runs / "small" / "claims.md").read_text() == page
    assert main(["claims", str(suite), "--runs", str(runs), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["claims"][0]["verdict"] == "undecided"
    assert main(["table", str(suite), "--runs", str(runs)]) == 0
    assert "## Claims" in (runs / "small" / "leaderboard.md").read_text()


def test_neither_gates_nor_claims_enter_a_key_or_a_digest(tmp_path):
    bare = make_plan(str(write_suite(tmp_path / "a")))
    full = make_plan(str(write_suite(tmp_path / "b", gates=GATES, claims=CLAIMS)))
    assert list(bare.steps) == list(full.steps)
    assert list(bare.cells) == list(full.cells)
    assert [r.protocol for r in bare.rows] == [r.protocol for r in full.rows]
    assert bare.digest == full.digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"row": "single_model_generator/none"}, "allowed: scenario/variant/mitigation"),
        ({"metric": "variance"}, "allowed: side/metric"),
        ({"relevant": 0}, "relevant: found 0.0; allowed: above 0"),
        ({"statistic": "median"}, "median"),
        ({"size": 3}, "key 'gates[0].size' is unknown"),
    ],
)
def test_a_wrong_gate_is_refused_before_anything_runs(changes, message, tmp_path):
    with pytest.raises(UsageError) as found:
        make_plan(str(write_suite(tmp_path, gates=[{**GATES[0], **changes}])))
    assert message in str(found.value)
    assert "small.yaml" in str(found.value)


def test_a_wrong_claim_is_refused_before_anything_runs(tmp_path):
    wrong = {**CLAIMS[0], "init_args": {"row": "no"}}
    with pytest.raises(UsageError, match="claims: variance_falls"):
        make_plan(str(write_suite(tmp_path, claims=[wrong])))


def test_at_most_six_gates_and_each_name_once():
    gates = tuple(Gate(str(i), ROW, "generator/variance", 1.0) for i in range(7))
    with pytest.raises(ValueError, match="found 7; allowed: at most 6"):
        check_findings(gates, ())
    with pytest.raises(ValueError, match="'a' stands twice"):
        check_findings((), (ClaimSpec("a", "b", "c"),) * 2)


GATED = [p.stem for p in sorted(SUITES.glob("*.yaml")) if "\ngates:" in p.read_text()]


@pytest.mark.parametrize("suite", GATED)
def test_shipped_baselines_belong_to_their_suites(suite):
    """A change of the suite, a base or a version needs a new baseline: without one the gate is an error, not green."""
    plan = make_plan(suite)
    baseline = read(ROOT / "leaderboard" / "baselines" / f"{suite}.json")
    rows = {f"{r.scenario}/{r.variant}/{r.mitigation}": r for r in plan.rows}
    assert [(t.gate.name, t.gate.row) for t in baseline.trends] == [(g.name, g.row) for g in plan.suite.gates]
    assert {t.gate.row for t in baseline.trends} <= set(rows)
    for trend in baseline.trends:
        cell = plan.cells[rows[trend.gate.row].keys[0]].cell
        assert (trend.n, trend.iterations) == (cell.n, cell.iterations)


def test_the_workflow_to_copy_is_valid_and_runs_the_gate():
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text.split("```yaml\n")[-1].split("```", 1)[0])
    (job,) = workflow["jobs"].values()
    commands = "\n".join(step.get("run", "") for step in job["steps"])
    for suite in GATED:
        assert f"check {suite}" in commands
    assert workflow[True], "YAML reads the key `on` as true: there are triggers"
    assert "--format github" in commands
    assert "--junit" in commands


def test_a_baseline_of_a_suite_of_ones_own_lies_beside_it(study, tmp_path, capsys, monkeypatch):
    suite, runs, file = study
    own = tmp_path / "mine" / suite.name
    own.parent.mkdir()
    own.write_text(suite.read_text())
    for other in suite.parent.glob("*.yaml"):
        (own.parent / other.name).write_text(other.read_text())
    monkeypatch.chdir(tmp_path)
    assert main(["baseline", str(own), "--runs", str(runs)]) == 0
    made = own.parent / "baselines" / "small.json"
    assert json.loads(made.read_text())["trends"] == json.loads(file.read_text())["trends"]
    assert main(["check", str(own), "--runs", str(runs)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] != ""

"""Tuning runs the declared space on seeds that are not scored, by the same engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.commands.main import main
from benchmarks.planning.tuning import plan_tuning
from records.errors import UsageError
from tests.engine.conftest import write_suite

METHOD: dict[str, Any] = {
    "schema": 1, "name": "mine", "class_path": "benchmarks.mitigations.fresh_real.FreshReal",
    "init_args": {"fraction": 0.25}, "search": {"fraction": [0.25, 0.5]}, "tuned_on": [100],
}  # fmt: skip


def method(folder: Path, **changes: Any) -> str:
    (folder / "mine.yaml").write_text(yaml.safe_dump({**METHOD, **changes}))
    return str(folder / "mine.yaml")


def test_every_value_runs_beside_the_controls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = str(write_suite(tmp_path, mitigations=["none", "real", "accumulate"]))
    runs = tmp_path / "runs"
    code = main(["tune", suite, "--method", method(tmp_path), "--seeds", "100,101", "--runs", str(runs), "--workers", "0",
                 "--no-mirror"])  # fmt: skip
    printed = capsys.readouterr()
    assert code == 0, printed.err
    for name in ("mine[fraction=0.25]", "mine[fraction=0.5]", "none", "real"):
        assert name in printed.out
    results = [json.loads(f.read_text()) for f in (runs / "small_tuning" / "results").glob("*.json")]
    found = {(row["mitigation"], r["seed"]) for r in results for row in r["rows"]}
    names = {"none", "real", "mine[fraction=0.25]", "mine[fraction=0.5]"}
    assert found == {(name, seed) for name in names for seed in (100, 101)}, "and nothing else was run"
    shares = {r["configuration"]["method"]["init_args"].get("fraction") for r in results}
    assert shares == {None, 0.25, 0.5}


def test_a_space_of_several_knobs_is_their_product(tmp_path: Path) -> None:
    suite = str(write_suite(tmp_path))
    space = {"fraction": [0.25, 0.5], "fit_patch.generator.average": [0.5, 0.9, 0.99]}
    name = method(tmp_path, search=space, fit_patch={"generator": {"average": 0.5}})
    plan, variants = plan_tuning(suite, [], name, [100], tmp_path / "variants")
    assert len(variants) == 6
    cells = [plan.cells[row.keys[0]].cell for row in plan.rows if row.added]
    found = {(c.method.init_args["fraction"], c.fit.generator.average) for c in cells}
    assert found == {(f, a) for f in (0.25, 0.5) for a in (0.5, 0.9, 0.99)}


@pytest.mark.parametrize(
    ("seeds", "changes", "scenario", "said"),
    [
        ([100, 1], {}, {}, r"--seeds: found \[1, 100\]; allowed: .* \(it scores \[0, 1\]\)"),
        ([], {}, {}, r"--seeds: found \[\]; allowed: one or more"),
        ([100], {"search": {}}, {}, "search: found nothing; allowed: "),
        ([100], {}, {"seeds": [3]}, "found seeds of its own"),
        ([3], {}, {"seeds": [3]}, r"it scores \[0, 1, 3\]"),
    ],
)
def test_refused(seeds: list[int], changes: Any, scenario: Any, said: str, tmp_path: Path) -> None:
    suite = str(write_suite(tmp_path, scenarios=[{"file": "single_model_generator", **scenario}]))
    with pytest.raises(UsageError, match=said):
        plan_tuning(suite, [], method(tmp_path, **changes), seeds, tmp_path / "variants")

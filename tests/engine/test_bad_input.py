"""Bad input: exit code 2 and one sentence that names file, key, found and allowed, before anything is written."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands.main import main
from tests.engine.conftest import TESTBED


def altered(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(TESTBED), **changes}


JUDGE = {"name": "j", "class_path": "benchmarks.analytic.models.GaussianGenerator", "trained_on": ["judge"]}
CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "unknown key": ({"seedz": [1]}, ("small.yaml", "'seedz'", "seeds")),
    "unknown nested key": ({"fit": {"captioner": {"stepz": 1}}}, ("'fit.captioner.stepz'", "steps")),
    "unknown key in a list": ({"scenarios": [{"file": "single_model_generator", "nn": 1}]}, ("'scenarios[0].nn'", "n")),
    "wrong type": ({"iterations": "many"}, ("small.yaml", "iterations", "many")),
    "wrong value": ({"n": 0}, ("n: found 0", "1 or more")),
    "no seeds": ({"seeds": []}, ("seeds: found none",)),
    "a seed twice": ({"seeds": [1, 1]}, ("seeds", "[1, 1]", "twice")),
    "another schema": ({"schema": 7}, ("schema: found 7",)),
    "n beyond the split": ({"n": 65}, ("n: found 65", "at most 64", "'prompts'")),
    "evaluation beyond the split": ({"evaluate": {"n": 999, "draw_inputs": 0}}, ("evaluate.n: found 999", "at most 64")),
    "unknown metric class": ({"metrics": ["benchmarks.nowhere.Thing"]}, ("metrics", "benchmarks.nowhere")),
    "class without literals": ({"metrics": ["benchmarks.storage.store.LocalStore"]}, ("metrics", "version")),
    "unknown primary": ({"primary": {"generator": "beauty"}}, ("primary", "'beauty'", "variance")),
    "primary of no modality": ({"primary": {"sound": "x"}}, ("'sound'", "captioner, generator")),
    "missing testbed": ({"testbed": "nowhere.yaml"}, ("testbed", "'nowhere.yaml'")),
    "missing scenario": ({"scenarios": [{"file": "nowhere"}]}, ("'nowhere'", "names, such as")),
    "unknown variant": (
        {"scenarios": [{"file": "joint_finetune", "variants": ["open"]}]},
        ("['open']", "real_prompts"),
    ),
    "missing mitigation": ({"mitigations": ["nowhere"]}, ("'nowhere'", "accumulate")),
    "too many members": (
        {"scenarios": [{"file": "diverse_ensemble", "variants": ["k3_live"]}],
         "testbed_data": altered(captioners=TESTBED["captioners"][:1])},
        ("members.count: found 3", "at most 1"),
    ),
    "a judge that is a scorer": (
        {"testbed_data": altered(judges=[JUDGE], scorers=[{**JUDGE, "trained_on": []}])},
        ("'j'", "never be a scorer"),
    ),
    "judge and scorer of one split": (
        {"testbed_data": altered(judges=[JUDGE], scorers=[{**JUDGE, "name": "s"}])},
        ("training split ['judge']",),
    ),
    "unknown data class": (
        {"testbed_data": altered(data={"class_path": "datamodules.nothing.Nothing"})},
        ("testbed.yaml: data", "datamodules.nothing"),
    ),
    "unknown data argument": (
        {"testbed_data": altered(data={**TESTBED["data"], "init_args": {"klasses": 2}})},
        ("'klasses'", "classes"),
    ),
    "unknown model class": (
        {"testbed_data": altered(generators=[{"name": "g", "class_path": "benchmarks.analytic.models.Nope"}])},
        ("testbed.yaml: generators: g", "'Nope'"),
    ),
    "weights that are not there": (
        {"testbed_data": altered(generators=[{**TESTBED["generators"][0], "folder": "/nowhere"}])},
        ("folder: found '/nowhere', which is not there", "allowed: a folder of weights"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_one_sentence_and_exit_code_2(
    name: str, suite: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes, expected = CASES[name]
    changes = dict(changes)
    file = suite(**changes)
    refused([str(file)], expected, tmp_path, capsys)


def refused(
    arguments: list[str], expected: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["run", *arguments, "--runs", str(tmp_path / "runs"), "--no-mirror"])
    said = capsys.readouterr().err
    assert code == 2, said
    assert said.startswith("error: ")
    assert len(said.strip().splitlines()) == 1, said
    for part in expected:
        assert part in said
    assert not (tmp_path / "runs").exists()


def test_missing_suite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(["nowhere"], ("suite", "'nowhere'", "names, such as"), tmp_path, capsys)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a: [1", "not valid YAML"), ("- 1", "a mapping"), ("name: a\nname: b", "'name' stands twice")],
)
def test_broken_yaml(text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    refused([str(file)], ("broken.yaml", expected), tmp_path, capsys)


def test_unknown_override(suite: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused([str(suite()), "--iteration", "3"], ("small.yaml", "--iteration"), tmp_path, capsys)


def test_unwritable_runs_folder(suite: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    code = main(["run", str(suite()), "--runs", str(tmp_path / "file" / "runs")])
    said = capsys.readouterr().err
    assert code == 2
    assert "runs folder" in said


METHODS = {
    "no class": ("x = 1", ("'Method'",)),
    "no mitigation": ("class Method: pass", ("no benchmarks.methods.hooks.Mitigation",)),
    "unknown hook": (
        "from benchmarks.methods.hooks import Mitigation\nclass Method(Mitigation):\n    reads = {'train': ('new',)}",
        ("'train'", "curate"),
    ),
    "unknown source": (
        "from benchmarks.methods.hooks import Mitigation\nclass Method(Mitigation):\n    reads = {'curate': ('future',)}",
        ("'future'", "history"),
    ),
    "more reserve than there is": (
        "from benchmarks.methods.hooks import Mitigation\nclass Method(Mitigation):\n    def reserve_items(self, n): return 40",
        ("needs 80 items", "at most 64"),
    ),
}


@pytest.mark.parametrize("name", METHODS)
def test_bad_methods(name: str, suite: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, expected = METHODS[name]
    module = tmp_path / f"method_{name.replace(' ', '_')}.py"
    module.write_text(text + "\n")
    refused([str(suite()), "--method", f"{module}:Method"], expected, tmp_path, capsys)


def test_unknown_knob(suite: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    method = tmp_path / "knob.yaml"
    method.write_text(
        "schema: 1\nname: knob\nclass_path: benchmarks.mitigations.fresh_real.FreshReal\ninit_args: {share: 1}\n"
    )
    refused([str(suite()), "--method", str(method)], ("'share'", "fraction"), tmp_path, capsys)

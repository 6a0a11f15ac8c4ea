"""More bad input: values and combinations that would go wrong later, or quietly, are refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmarks.planning.planner import make_plan
from benchmarks.steps.images import require_side
from benchmarks.study.loading import SUITES, extended
from datamodules.scenes.dataset import Scenes
from records.errors import StepError, UsageError
from tests.engine.conftest import TESTBED
from tests.engine.test_bad_input import JUDGE, altered, refused

MORE = {**JUDGE, "trained_on": []}
CASES = {
    "a name that is a path": ({"name": "../small"}, ("small.yaml", "'../small'", "letters")),
    "a number where a mapping belongs": ({"evaluate": 3}, ("evaluate: found 3", "draw_inputs")),
    "a mapping where a list belongs": ({"scenarios": {"file": "x"}}, ("scenarios: found", "a list")),
    "a number in a list of mappings": ({"scenarios": [1]}, ("scenarios[0]: found 1", "file")),
    "a seed of evaluation below zero": (
        {"evaluate": {"seed": -1, "draw_inputs": 0}},
        ("evaluate.seed: found -1", "0 or more"),
    ),
    "an argument that a model has not": (
        {"testbed_data": altered(generators=[{**TESTBED["generators"][0], "init_args": {"klasses": 3}}])},
        ("testbed.yaml: generators: g0", "'klasses'", "classes"),
    ),
    "a judge under another name": (
        {"testbed_data": altered(judges=[MORE], scorers=[{**MORE, "name": "s"}])},
        ("'j' and 's'", "same weights"),
    ),
    "a scenario twice": (
        {"scenarios": [{"file": "single_model_generator"}, {"file": "single_model_generator", "n": 8}]},
        ("single_model_generator/default/none", "twice"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str, suite: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes, expected = CASES[name]
    refused([str(suite(**changes))], expected, tmp_path, capsys)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--n", "abc"], ("n: found 'abc'", "int")),
        (["--seeds", "3"], ("seeds: found 3", "a list")),
        (["--fit.generator.stepz", "1"], ("'fit.generator.stepz'", "learning_rate")),
        (["stray"], ("allowed: --key value", "stray")),
        (["--workers", "-1"], ("--workers: found -1", "1 or more")),
    ],
)
def test_overrides(
    arguments: list[str],
    expected: tuple[str, ...],
    suite: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    refused([str(suite()), *arguments], expected, tmp_path, capsys)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("? [a, b]\n: 1", "no plain text"), ("name: 2020-13-45", "not valid YAML"), ("name: \xff", "not valid YAML")],
)
def test_yaml(text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "odd.yaml"
    file.write_bytes(text.encode("latin-1"))
    refused([str(file)], ("odd.yaml", expected), tmp_path, capsys)


METHODS = {
    "oversample without curate": ("oversample = 3", ("oversample: found 3", "curate")),
    "no candidates": ("oversample = 0", ("oversample: found 0",)),
    "another pool without curate": ("def pool_size(self, iteration, n): return 1", ("pool_size", "curate")),
    "prompts from a pool that they make": ("reads = {'prompts': ('new',)}", ("prompts: found 'new'", "later")),
    "scores in a fit": ("reads = {'objective': ('scorers',)}", ("objective: found 'scorers'",)),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods(name: str, suite: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body, expected = METHODS[name]
    file = tmp_path / f"method_{name.replace(' ', '_')}.py"
    file.write_text(f"from benchmarks.methods.hooks import Mitigation\n\n\nclass Method(Mitigation):\n    {body}\n")
    refused([str(suite()), "--method", f"{file}:Method"], expected, tmp_path, capsys)


def test_two_methods_of_one_name(
    suite: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(suite())]
    for file, method in (("mine", "accumulate.Accumulate"), ("other", "fresh_real.FreshReal")):
        (tmp_path / f"{file}.yaml").write_text(
            f"{{schema: 1, name: own, class_path: benchmarks.mitigations.{method}}}\n"
        )
        words += ["--method", str(tmp_path / f"{file}.yaml")]
    refused(words, ("single_model_generator/default/own", "twice", "a name of its own"), tmp_path, capsys)
    (tmp_path / "shipped.yaml").write_text("{schema: 1, name: none, class_path: benchmarks.mitigations.ema.Ema}\n")
    words = [words[0], "--method", str(tmp_path / "shipped.yaml")]
    refused(words, ("name: found 'none', which ships", "a name of its own"), tmp_path, capsys)


def test_a_half_precision_base_needs_a_half_precision_fit(tmp_path: Path) -> None:
    bed = yaml.safe_load((SUITES / "testbeds" / "scenes.yaml").read_text())
    bed["captioners"][0]["dtype"] = "bfloat16"
    (tmp_path / "bed.yaml").write_text(yaml.safe_dump(bed))
    suite = {**extended(SUITES / "smoke.yaml").data, "testbed": str(tmp_path / "bed.yaml")}
    (tmp_path / "half.yaml").write_text(yaml.safe_dump(suite))
    with pytest.raises(
        UsageError, match=r"fit\.captioner\.precision: found '32' for 'blip2', .* bfloat16; allowed: bf16"
    ):
        make_plan(str(tmp_path / "half.yaml"))
    assert make_plan(str(tmp_path / "half.yaml"), ["--fit.captioner.precision", "bf16"]).steps


def test_images_of_another_size_than_the_data_are_refused() -> None:
    data = Scenes(domain="shapes", seed=0, image_size=16)
    require_side(np.zeros((2, 16, 16, 3), np.uint8), data)
    with pytest.raises(StepError, match=r"draws 32 x 32 pixels, the data have 16 x 16; allowed: the same"):
        require_side(np.zeros((2, 32, 32, 3), np.uint8), data)

"""Files that extend others: merged key by key, and whatever is wrong is said of the file where it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.planning.planner import make_plan
from benchmarks.study.loading import SUITES, extended, load_suite
from records.errors import UsageError
from records.typed import merged
from tests.engine.conftest import SMALL, TESTBED

Split = Callable[..., Path]


@pytest.fixture
def split(tmp_path: Path) -> Split:
    """Return a writer of the small study as a suite of few keys over a base of all others."""

    def write(base: dict[str, Any] | None = None, gone: tuple[str, ...] = (), **own: Any) -> Path:
        below = {k: v for k, v in {**SMALL, **(base or {})}.items() if k not in (*gone, "name")}
        write_yaml(tmp_path / "testbed.yaml", TESTBED)
        write_yaml(tmp_path / "bases" / "small.yaml", below)
        return write_yaml(tmp_path / "mine.yaml", {"extends": "bases/small", "name": "mine", **own})

    return write


def write_yaml(file: Path, data: dict[str, Any]) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(data))
    return file


def refused(file: Path, *overrides: str) -> str:
    with pytest.raises(UsageError) as caught:
        make_plan(str(file), overrides)
    return str(caught.value)


def test_a_suite_lies_over_its_base_key_by_key(split: Split) -> None:
    file = split(n=8, seeds=[5], fit={"captioner": {"steps": 7}}, evaluate={"n": 16})
    suite = load_suite(str(file))[0]
    assert (suite.name, suite.n, suite.seeds, suite.iterations) == ("mine", 8, (5,), 2)
    assert (suite.fit.captioner.steps, suite.fit.captioner.learning_rate, suite.fit.generator.steps) == (7, 1.0, 1)
    assert (suite.evaluate.n, suite.evaluate.floor_draws) == (16, 2)
    assert load_suite(str(file), ["--n", "4", "--fit.captioner.steps", "9"])[0].fit.captioner.steps == 9
    assert load_suite(str(file), ["--primary", "{captioner: heterozygosity}"])[0].primary == {
        "captioner": "heterozygosity"
    }


def test_a_whole_suite_and_the_same_one_in_two_files_are_one_plan(split: Split, suite: Callable[..., Path]) -> None:
    whole, halves = make_plan(str(suite(name="mine"))), make_plan(str(split()))
    assert (whole.digest, list(whole.steps)) == (halves.digest, list(halves.steps))


def test_bases_extend_bases_and_shipped_ones_are_found_from_anywhere(tmp_path: Path) -> None:
    write_yaml(tmp_path / "middle.yaml", {"extends": "bases/scenes", "n": 64, "name": "middle"})
    file = write_yaml(
        tmp_path / "mine.yaml",
        {"extends": "middle", "name": "mine", "scenarios": [{"file": "single_model_generator"}], "seeds": [3]},
    )
    whole = extended(file)
    assert [b.name for b in whole.bases] == ["middle.yaml", "scenes.yaml", "scenes_captioner.yaml"]
    plan = make_plan(str(file))
    assert (plan.suite.name, plan.suite.n, plan.suite.seeds, plan.suite.iterations) == ("mine", 64, (3,), 5)
    assert plan.suite.primary == {"captioner": "attribute_accuracy", "generator": "frechet"}


def test_a_file_beside_goes_before_a_shipped_one(tmp_path: Path) -> None:
    write_yaml(tmp_path / "bases" / "scenes.yaml", {"n": 3})
    assert extended(write_yaml(tmp_path / "mine.yaml", {"extends": "bases/scenes"})).data == {"n": 3}


def test_a_testbed_extends_another(tmp_path: Path, split: Split) -> None:
    file = split(testbed="bed.yaml")
    write_yaml(tmp_path / "bed.yaml", {"extends": "testbed", "name": "bed", "captioners": TESTBED["captioners"][1:]})
    bed = make_plan(str(file)).world.testbed
    assert (bed.name, [m.name for m in bed.captioners], len(bed.generators)) == ("bed", ["c1", "c2"], 3)
    write_yaml(tmp_path / "bed.yaml", {"extends": "testbed", "name": "bed", "data": {"init_args": {"colour": 1}}})
    assert refused(file).startswith(f"{tmp_path / 'bed.yaml'}: data: init_args: key 'colour' is unknown")
    write_yaml(tmp_path / "testbed.yaml", {**TESTBED, "data": {"class_path": "datamodules.nothing.Nothing"}})
    write_yaml(tmp_path / "bed.yaml", {"extends": "testbed", "name": "bed"})
    assert refused(file).startswith(f"{tmp_path / 'testbed.yaml'}: data: class_path 'datamodules.nothing.Nothing'")


def test_arguments_belong_to_their_class() -> None:
    base = {"data": {"class_path": "a.A", "init_args": {"x": 1, "y": 1}}}
    assert merged(base, {"data": {"init_args": {"x": 2}}})["data"]["init_args"] == {"x": 2, "y": 1}
    other = {"class_path": "b.B", "init_args": {"z": 3}}
    assert merged(base, {"data": other})["data"] == other
    assert merged(base, {"data": None}) == {"data": None}
    assert base == {"data": {"class_path": "a.A", "init_args": {"x": 1, "y": 1}}}


def test_a_name_is_not_inherited(tmp_path: Path) -> None:
    file = write_yaml(tmp_path / "mine.yaml", {"extends": "smoke"})
    message = refused(file)
    assert message.startswith(f"{file}, which extends {SUITES / 'smoke.yaml'} and ")
    assert message.endswith("name is missing")


@pytest.mark.parametrize(
    ("base", "own", "stands", "sentence"),
    [
        ({"n": 0}, {}, "bases/small.yaml", "n: found 0; allowed: 1 or more"),
        ({}, {"n": 0}, "mine.yaml", "n: found 0; allowed: 1 or more"),
        ({"n": 0}, {"n": "x"}, "mine.yaml", "n: found 'x'; allowed: int"),
        ({"seedz": [1]}, {}, "bases/small.yaml", "key 'seedz' is unknown"),
        ({}, {"fit": {"captioner": {"stepz": 1}}}, "mine.yaml", "key 'fit.captioner.stepz' is unknown"),
        ({"evaluate": {"n": 1, "m": 2}}, {"evaluate": {"n": 8}}, "bases/small.yaml", "key 'evaluate.m' is unknown"),
        ({"evaluate": {"n": 1}}, {"evaluate": {"seed": 1}}, "bases/small.yaml", "evaluate.n: found 1"),
        ({"scenarios": [{"file": "x", "nn": 1}]}, {}, "bases/small.yaml", "key 'scenarios[0].nn' is unknown"),
        ({"testbed": "nowhere"}, {}, "bases/small.yaml", "testbed: no file 'nowhere'"),
        ({"primary": {"generator": "beauty"}}, {"primary": {"captioner": "heterozygosity"}}, "bases/small.yaml",
         "primary: generator: found 'beauty'"),
        ({"metrics": ["captions"]}, {}, "bases/small.yaml", "metrics: found 'captions'; allowed: a class path"),
        ({"metrics": ["benchmarks.nowhere.A"]}, {}, "bases/small.yaml", "metrics: class_path 'benchmarks.nowhere.A'"),
    ],
)  # fmt: skip
def test_an_error_names_the_file_where_the_value_stands(
    base: dict[str, Any], own: dict[str, Any], stands: str, sentence: str, split: Split, tmp_path: Path
) -> None:
    assert refused(split(base, **own)).startswith(f"{tmp_path / stands}: {sentence}")


def test_an_override_is_to_blame_for_itself(split: Split, tmp_path: Path) -> None:
    file = split({"iterations": 0})
    assert refused(file, "--n=0", "--iterations", "1").startswith(f"{file} with --n=0 --iterations 1: n: found 0")
    assert refused(file, "--n=8").startswith(f"{tmp_path / 'bases' / 'small.yaml'}: iterations: found 0")


def test_what_names_no_key_names_all_files(split: Split, tmp_path: Path) -> None:
    extending = f"{tmp_path / 'mine.yaml'}, which extends {tmp_path / 'bases' / 'small.yaml'}: "
    assert refused(split(gone=("n",))) == f"{extending}n is missing"
    assert refused(split(fit={"captioner": {"steps": -1}})) == f"{extending}steps must be at least 0"


@pytest.mark.parametrize("wrong", ["bases/nowhere", "", 3, ["bases/scenes"], None])
def test_a_base_that_is_not_there(wrong: Any, split: Split) -> None:
    file = split(extends=wrong)
    message = refused(file)
    assert message.startswith(f"{file}: extends: found {wrong!r}; allowed: a YAML file beside it, or one of [")
    assert "'bases/scenes_board'" in message


def test_a_broken_base_is_named(split: Split, tmp_path: Path) -> None:
    file = split()
    (tmp_path / "bases" / "small.yaml").write_text("n: [")
    assert refused(file).startswith(f"{tmp_path / 'bases' / 'small.yaml'}: not valid YAML")


def test_a_circle_is_refused_with_the_files_in_it(tmp_path: Path) -> None:
    a, b = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first = write_yaml(tmp_path / "first.yaml", {"extends": "a"})
    write_yaml(a, {"extends": "b"})
    write_yaml(b, {"extends": "a.yaml"})
    circle = f"{b}: extends: found the circle {a} -> {b} -> {a}; allowed: a file that does not lead back"
    assert refused(first) == circle
    write_yaml(a, {"extends": "a"})
    assert f"found the circle {a} -> {a}" in refused(a)

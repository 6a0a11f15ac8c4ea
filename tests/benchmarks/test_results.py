"""Result files: exact, atomic, strict, and readable across schemas."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from records import results
from records.migrations import migrate
from records.results import CellError, CellResult, Cost, Floor, MetricInfo, Point, ResultError, Row

KEY = "ab" * 32
METRIC = "generator/frechet@clip,n=512"


def example(**changes) -> CellResult:
    base = CellResult(
        suite="smoke",
        suite_digest="d" * 64,
        key=KEY,
        seed=0,
        iterations=1,
        n=512,
        rows=(Row("joint_finetune", "real_prompts", "none"),),
        trains=("captioner", "generator"),
        status="complete",
        metrics=(Point(0, {METRIC: 2.0}), Point(1, {METRIC: 0.1 + 0.2})),
        absent={"captioner/meteor@n=512": "no Java"},
        floors={METRIC: Floor(0.37, 0.02, 20, 0.04)},
        info={METRIC: MetricInfo("down", True, "p" * 64)},
        cost=Cost(network_evaluations=10, device_seconds=1.5),
        configuration={"lr": 1e-3, "nested": [1, None, "x"]},
        execution={"device": "cpu"},
        created="2030-01-01T00:00:00Z",
    )
    return dataclasses.replace(base, **changes)


def test_round_trip_is_exact_and_text_is_canonical():
    text = example().to_json()
    assert CellResult.from_json(text) == example()
    assert CellResult.from_json(text).to_json() == text
    assert text.endswith("}\n")
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert "0.30000000000000004" in text


def test_numbers_have_one_form():
    integer = example(metrics=(Point(0, {METRIC: 2}), Point(1, {METRIC: np.float64(-0.0)})), seed=np.int64(0))
    floating = example(metrics=(Point(0, {METRIC: 2.0}), Point(1, {METRIC: 0.0})))
    assert integer.to_json() == floating.to_json()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_not_finite_is_refused_and_the_old_file_is_kept(tmp_path: Path, bad: float):
    path = example().write(tmp_path / "a.json")
    before = path.read_bytes()
    broken = example(metrics=(Point(0, {METRIC: bad}),))
    with pytest.raises(ResultError, match=r"metrics\[0\]\.values\.generator/frechet.*finite"):
        broken.write(path)
    assert path.read_bytes() == before
    with pytest.raises(ResultError, match="finite"):
        example(configuration={"lr": bad}).to_json()


def test_write_leaves_no_temporary_file_even_when_it_fails(tmp_path: Path, monkeypatch):
    path = example().write(tmp_path / "deep" / example().file_name)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        example(seed=1).write(path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_read_results_by_key_and_ignores_half_written_files(tmp_path: Path):
    other = example(key="cd" * 32, seed=1)
    for result in (example(), other):
        result.write(tmp_path / result.file_name)
    (tmp_path / f".{other.file_name}.123.tmp").write_text("{")
    assert results.read_results(tmp_path) == {KEY: example(), other.key: other}
    assert results.read_results(tmp_path / "absent") == {}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t[: len(t) // 2], "not valid JSON"),
        (lambda t: t.replace('"seed": 0', '"seed": "0"'), "seed: found '0'; allowed: int"),
        (lambda t: t.replace('"seed": 0', '"seed": true'), "seed: found True; allowed: int"),
        (lambda t: t.replace('"seed": 0', '"sed": 0'), "key 'sed' is unknown; allowed: "),
        (lambda t: t.replace('"seed": 0,', ""), "seed is missing"),
        (lambda t: t.replace('"complete"', '"done"'), "status: found 'done'; allowed: 'complete'"),
        (lambda t: t.replace('"complete"', '"failed"'), "failed, which needs an error"),
        (lambda t: t.replace("0.30000000000000004", "NaN"), "it holds NaN"),
        (lambda t: t.replace('"schema": 2', '"schema": 99'), "schema 99 is newer"),
        (lambda t: t.replace('"schema": 2', '"schema": 0'), "no migration from 0 to 1"),
        (lambda t: "[]", "not an object"),
    ],
)
def test_broken_file_is_one_sentence_with_its_name(tmp_path: Path, change, problem: str):
    path = tmp_path / example().file_name
    path.write_text(change(example().to_json()))
    with pytest.raises(ResultError) as caught:
        results.read_results(tmp_path)
    assert str(path) in str(caught.value)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_must_hold_the_cell_its_name_says(tmp_path: Path):
    example().write(tmp_path / "other.json")
    with pytest.raises(ResultError, match=r"should be called abab"):
        results.read_results(tmp_path)


def test_failed_needs_an_error_and_others_none():
    failed = example(status="failed", error=CellError("fit", 1, "loss is NaN"))
    assert CellResult.from_json(failed.to_json()) == failed
    with pytest.raises(ResultError):
        example(error=CellError("fit", 1, "loss is NaN"))


def test_migrations_form_a_chain():
    chain = {1: lambda d: {**d, "two": d["one"] + 1}, 2: lambda d: {"three": d["two"] + 1}}
    assert migrate({"schema": 1, "one": 1}, 3, chain) == {"schema": 3, "three": 3}
    assert migrate({"schema": 3, "three": 9}, 3, chain) == {"schema": 3, "three": 9}
    with pytest.raises(ValueError, match="expected a whole number"):
        migrate({}, 3, chain)


def test_stable_view_ignores_where_when_and_how_long():
    other = example(
        execution={"device": "cuda"},
        versions={"torch": "2"},
        commit="c",
        created="later",
        cost=Cost(network_evaluations=10, device_seconds=9.0, wall_seconds=9.0),
    )
    assert other.stable_json() == example().stable_json()
    assert example(seed=1).stable_json() != example().stable_json()
    assert example(cost=Cost(network_evaluations=11)).stable_json() != example().stable_json()


def test_value_finds_metrics_and_sets():
    result = example(sets=(Point(1, {"set/bleu4@n=512": 0.5}),))
    assert result.value(METRIC, 0) == 2.0
    assert result.value("set/bleu4@n=512", 1) == 0.5
    assert result.value(METRIC, 7) is None
    assert result.value("generator/other", 0) is None


def test_committed_schema_is_up_to_date():
    path = Path(__file__).parents[2] / "leaderboard" / "result.schema.json"
    assert json.loads(path.read_text()) == json.loads(json.dumps(results.json_schema()))
    assert set(results.json_schema()["properties"]) == set(example().to_dict())


def test_numbers_made_earlier_keep_their_day_and_versions_where_the_suite_grows(tmp_path: Path):
    """A seed that is added changes the digest of the suite in every file, and no number in them."""
    file = tmp_path / example().file_name
    made = example(versions={"torch": "2.13.0"}, commit="a" * 12)
    made.settle(file)
    later = {
        "suite_digest": "e" * 64, "versions": {"torch": "9.9.9"}, "commit": "b" * 12, "created": "2031-01-01T00:00:00Z",
        "execution": {"device": "H200"}, "cost": Cost(network_evaluations=10, device_seconds=0.5),
    }  # fmt: skip
    settled = example(**later).settle(file)
    assert settled == dataclasses.replace(made, suite_digest="e" * 64)
    assert CellResult.from_json(file.read_text()) == settled
    other = example(**later, metrics=(Point(0, {METRIC: 2.0}), Point(1, {METRIC: 0.4})))
    assert other.settle(file) == other
    assert CellResult.from_json(file.read_text()) == other

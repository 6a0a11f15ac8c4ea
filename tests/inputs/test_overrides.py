"""Overrides reach every key of every shipped suite, are read like the file, and are refused in one sentence."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.planning.planner import make_plan
from benchmarks.study.loading import SUITES, extended, load_suite
from benchmarks.study.suite import Suite
from leaderboard.claims.family import load_claims
from records.errors import UsageError
from records.typed import typed
from tests.engine.conftest import write_suite
from tests.inputs.refused import refused

NAMES = sorted(file.stem for file in SUITES.glob("*.yaml"))


def leaves(data: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value within, with its key as a sentence or the command line writes it."""
    if isinstance(data, dict) and data:
        for name, part in data.items():
            yield from leaves(part, f"{key}.{name}" if key else name)
    elif isinstance(data, list | tuple) and data:
        for i, part in enumerate(data):
            yield from leaves(part, f"{key}[{i}]")
    else:
        yield key, data


def at(data: Any, key: str) -> Any:
    for part in key.replace("[", ".").replace("]", "").split("."):
        data = data[int(part) if isinstance(data, list | tuple) else part]
    return data


def written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


OTHER = {bool: lambda v: not v, int: lambda v: v + 1, float: lambda v: v / 2, str: lambda v: f"{v}x"}


def outcome(whole: Any, file: Path, *overrides: str) -> tuple[Suite | None, str]:
    try:
        return typed(Suite, whole, file, overrides), ""
    except UsageError as error:
        return None, str(error)


@pytest.mark.parametrize("name", NAMES)
def test_every_key_of_every_suite_can_be_said_again_and_otherwise(name: str) -> None:
    file = SUITES / f"{name}.yaml"
    whole = extended(file).data
    suite = typed(Suite, whole, file)
    plain = dataclasses.asdict(suite)
    said, changed = [], 0
    for key, value in leaves(json.loads(json.dumps(plain))):
        if value is None or ".init_args." in key or (isinstance(value, str) and "init_args" in key):
            continue
        said.append(f"--{key}={written(value)}")
        change = OTHER.get(type(value))
        if change is not None and changed < 6:  # one at a time, as many as are quick
            other = written(change(value))
            found, said_of_it = outcome(whole, file, f"--{key}", other)
            assert "is unknown" not in said_of_it
            if found is None:
                continue  # out of range: refused by its own check, not as a key
            changed += 1
            assert written(at(dataclasses.asdict(found), key)) == other
    assert changed > 5
    assert typed(Suite, whole, file, said) == suite


@pytest.mark.parametrize("name", ["paper_full", "paper_lite", "paper_tiny"])
def test_adapters_of_the_studies_of_the_paper(name: str) -> None:
    lora = load_suite(name, ["--fit.captioner.lora.rank=4", "--fit.generator.lora.targets", "[to_q, to_k]"])[0].fit
    was = load_suite(name)[0].fit
    assert lora.captioner.lora == dataclasses.replace(was.captioner.lora, rank=4)
    assert lora.generator.lora == dataclasses.replace(was.generator.lora, targets=("to_q", "to_k"))
    assert load_suite(name, ["--fit.captioner.lora", "null"])[0].fit.captioner.lora is None
    assert load_suite("smoke", ["--fit.captioner.lora.rank", "4"])[0].fit.captioner.lora.rank == 4


CHANGES: dict[str, tuple[list[str], Callable[[Suite], Any], Any]] = {
    "an entry of a list": (["--scenarios[0].n=8"], lambda s: s.scenarios[0].n, 8),
    "the same with a dot": (["--scenarios.0.n", "8"], lambda s: s.scenarios[0].n, 8),
    "a whole entry": (["--seeds[1]", "7"], lambda s: s.seeds, (0, 7)),
    "a list within a list": (["--scenarios[0].seeds=[5]"], lambda s: s.scenarios[0].seeds, (5,)),
    "a key that the file leaves out": (["--retain.pools", "false"], lambda s: s.retain.pools, False),
    "a part of a mapping": (["--evaluate={seed: 3}"], lambda s: (s.evaluate.seed, s.evaluate.n), (3, 32)),
    "free keys as a whole": (["--primary={generator: mean}"], lambda s: s.primary, {"generator": "mean"}),
    "one free key": (["--primary.generator=mean"], lambda s: s.primary["captioner"], "heterozygosity"),
    "a text as it stands": (["--question", "no"], lambda s: s.question, "no"),
    "a text in quotes": (["--question", '"007"'], lambda s: s.question, "007"),
    "a text with a colon": (["--question", "USER: say it"], lambda s: s.question, "USER: say it"),
    "no text": (["--question="], lambda s: s.question, ""),
    "a text that holds equals": (["--question", "a=b"], lambda s: s.question, "a=b"),
    "a number below zero": (["--evaluate.seed", "3", "--seeds", "[-1]"], lambda s: s.seeds, (-1,)),
    "a power of ten": (["--fit.generator.learning_rate", "1e-4"], lambda s: s.fit.generator.learning_rate, 1e-4),
    "a word or a number": (["--execution.generator.devices", "auto"], lambda s: s.execution.generator.devices, "auto"),
    "a setting that looks like a number": (
        ["--fit.generator.precision", "32"], lambda s: s.fit.generator.precision, "32",
    ),
    "names in a list": (["--mitigations", "[none, 'real']"], lambda s: s.mitigations, ("none", "real")),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_values(case: str, tmp_path: Path) -> None:
    overrides, of, value = CHANGES[case]
    found = of(load_suite(str(write_suite(tmp_path)), overrides)[0])
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", ["no", "007", "1234567890123456", "USER: say it", "null", "1e5"])
def test_a_text_in_quotes_within_quotes_is_a_text_where_nothing_is_declared(text: str, tmp_path: Path) -> None:
    claim = {"name": "c", "statement": "s", "class_path": "a.B", "init_args": {"x": 1}}
    file = str(write_suite(tmp_path, claims=[claim]))
    found = load_suite(file, [f'--claims[0].init_args.x="{text}"', "--claims[0].init_args.y", f"['{text}']"])[0]
    assert found.claims[0].init_args == {"x": text, "y": [text]}


def test_arguments_go_with_the_class_they_were_for(tmp_path: Path) -> None:
    claim = {"name": "c", "statement": "s", "class_path": "a.B", "init_args": {"x": 1}}
    file = str(write_suite(tmp_path, claims=[claim]))
    found = load_suite(file, ["--claims[0].init_args.y=2", "--claims[0].class_path=a.C"])[0]
    assert found.claims[0].init_args == {"y": 2}
    assert load_claims(load_suite("paper_full", ["--claims[0].init_args.iterations=3"])[0].claims, Path("x"))


REFUSED = {
    "an unknown key": (["--iteration", "3"], ("key 'iteration' is unknown", "iterations")),
    "an unknown key within": (["--fit.captioner.lora.ranks=4"], ("'fit.captioner.lora.ranks'", "rank")),
    "an unknown key of an entry": (["--scenarios[0].m=4"], ("'scenarios[0].m'",)),
    "beyond a list": (["--scenarios[4].n=4"], ("--scenarios[4].n: found 1 entries", "the index of an entry")),
    "into no list": (["--fit[0]=4"], ("--fit[0]: found no list",)),
    "a name in a list": (["--seeds.first", "4"], ("--seeds.first: found 2 entries",)),
    "no key at all": (["--=4"], ("allowed: --key value",)),
    "a key with a space": (["--fit captioner=4"], ("key 'fit captioner' is unknown",)),
    "a key of other letters": (["--sëeds=[1]"], ("key 'sëeds' is unknown",)),
    "no value": (["--iterations"], ("--iterations: found no value",)),
    "an option for a value": (["--iterations", "--n=3"], ("--iterations: found no value",)),
    "twice": (["--n=8", "--n=9"], ("--n: found twice",)),
    "one dash": (["-n", "3"], ("allowed: --key value; found: -n",)),
    "a list that the shell took apart": (["--seeds", "[0,", "1]"], ("allowed: --key value; found: 1]",)),
    "an octal": (["--n", "010"], ("--n: line 1: found 010 without quotes", "put it in quotes")),
    "a time of day": (["--seeds", "[1:30]"], ("found 1:30 without quotes",)),
    "a word for no": (["--retain.pools", "no"], ("found no without quotes", "true or false")),
    "a text for a number": (["--n", "'8'"], ("n: found '8'; allowed: int",)),
    "a number for a text in a list": (["--metrics", "[3]"], ("metrics[0]: found 3", "in quotes")),
    "a part of no mapping": (["--n.m", "3"], ("n: found a mapping; allowed: int",)),
    "a key of the testbed": (["--testbed.name", "x"], ("testbed: found a mapping",)),
    "not one of those allowed": (["--fit.generator.precision", "16"], ("'16'", "'32', 'tf32', 'bf16'")),
    "a long text": (["--testbed", "x" * 500], ("testbed: no file",)),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, tmp_path: Path) -> None:
    overrides, parts = REFUSED[case]
    refused(write_suite(tmp_path), "small.yaml", *parts, arguments=overrides)


def test_a_plan_is_that_of_the_file_with_the_values(tmp_path: Path) -> None:
    changed = make_plan(str(write_suite(tmp_path / "a")), ["--scenarios[0].n=8", "--fit.generator.steps", "3"])
    fit = {"captioner": {"steps": 1, "learning_rate": 1.0}, "generator": {"steps": 3, "learning_rate": 1.0}}
    file = write_suite(tmp_path / "b", scenarios=[{"file": "single_model_generator", "n": 8}], fit=fit)
    assert list(changed.cells) == list(make_plan(str(file)).cells)

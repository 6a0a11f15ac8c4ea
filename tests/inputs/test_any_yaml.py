"""Whatever stands in a suite's files: it is planned, or refused in one short sentence that names the file."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.planning.planner import make_plan
from records.errors import UsageError, sentence
from records.yaml_text import parse_yaml, yaml_text
from tests.engine.conftest import SMALL, TESTBED

METHOD = {"schema": 1, "name": "mine", "class_path": "benchmarks.mitigations.fresh_real.FreshReal",
          "init_args": {"fraction": 0.25}, "applies_to": ["generator"]}  # fmt: skip
SCENARIO = {"schema": 1, "name": "loop", "trains": ["generator"], "images": "generator", "captions": "prompt",
            "decoding": {"generator": {"guidance": 1.0}},
            "variants": {"one": {}, "two": {"start": "base", "members": {"count": 2, "kind": "copies"}}}}  # fmt: skip
FILES: dict[str, Any] = {
    "small": {**SMALL, "n": 8, "iterations": 1, "seeds": [0], "mitigations": ["none", "mine"],
              "scenarios": [{"file": "loop", "n": 8, "fit_steps": {"generator": 1}}],
              "gates": [{"name": "g", "row": "loop/one/none", "metric": "generator/variance", "relevant": 0.1}]},
    "testbed": TESTBED,
    "loop": SCENARIO,
    "mine": METHOD,
}  # fmt: skip

#: What stands without quotes, as it is written.
ODD = [
    "010", "1:30", "1_0", "yes", "off", "~", "2024-01-01", "1e5", "1e400", ".inf", "-.nan", "0x10", "0o7", "=", "<<",
    "*x", "&x 1", "!!str 1", "!x", "null", "true", "-1", "-0.0", "99999999999999999999", "[", "}", "? 1", "- 1", "\t1",
    "a: b", "@", "'", '"\\x00"', "'\u202e'", "'../x'", "'\U0001f600'", "'\u0065\u0301'", "[[[[[]]]]]", "{a: {b: {}}}",
    "[1, a]", "{}", "[]", "''", "'a b'", "x.y.z", "os.path.join", "benchmarks", ".", "a..b", "'a/b'", "|\n  x", "# x",
    "--- 1", "...", "%TAG",
]  # fmt: skip
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 70) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values within."""
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, part in parts for place in places(part, (*path, key)))]


PLACES = {name: [place for place in places(data) if place] for name, data in FILES.items()}
MARK = "the-place-of-what-is-odd"


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, str]:
    """Draw the files of a study, one of them with one to three changes."""
    changed = draw(st.sampled_from(sorted(FILES)))
    data = copy.deepcopy(FILES[changed])
    raw = None
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(PLACES[changed]))
        holder = data
        try:
            for key in place[:-1]:
                holder = holder[key]
            holder[place[-1]]
            if not isinstance(holder, dict | list):
                continue
        except (KeyError, IndexError, TypeError):
            continue  # a change before this one took the place away
        match draw(st.sampled_from(["value", "odd", "gone", "more", "nested"])):
            case "value":
                holder[place[-1]] = draw(VALUES)
            case "odd":
                holder[place[-1]], raw = MARK, draw(st.sampled_from(ODD))
            case "gone":
                del holder[place[-1]]
            case "more" if isinstance(holder, dict):
                holder[draw(WORDS)] = draw(VALUES)
            case _:
                deep = holder[place[-1]]
                for _ in range(draw(st.sampled_from([1, 30, 70, 900]))):
                    deep = [deep]
                if isinstance(deep[0], list):
                    holder[place[-1]], raw = MARK, "[" * 900 + "]" * 900
                else:
                    holder[place[-1]] = deep
    texts = {name: yaml_text(FILES[name]) for name in FILES}
    texts[changed] = yaml_text(data)
    if raw is not None:
        texts[changed] = texts[changed].replace(MARK, raw, 1).replace(MARK, "0")
    return texts


def planned_or_refused(texts: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            Path(folder, f"{name}.yaml").write_text(text, encoding="utf-8", newline="")
        try:
            make_plan(str(Path(folder, "small.yaml")))
        except UsageError as error:
            said = sentence(error)
            assert len(said) < 300
            assert folder in said or any(f"mitigation {name}" in said for name in ("none", "mine")), said


QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None, "derandomize": True}


@settings(max_examples=60, **QUIET)
@given(mutated())
def test_it_is_planned_or_refused(texts: dict[str, str]) -> None:
    planned_or_refused(texts)


@pytest.mark.slow
@settings(max_examples=2_000, **QUIET)
@given(mutated())
def test_whatever_it_is_it_is_planned_or_refused(texts: dict[str, str]) -> None:
    planned_or_refused(texts)


@settings(max_examples=60, **QUIET)
@given(VALUES)
def test_what_is_written_is_read_as_the_same(data: Any) -> None:
    assert parse_yaml(yaml_text(data), "here") == data

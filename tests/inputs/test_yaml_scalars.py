"""What stands in a YAML file means one thing: a text without quotes that readers differ on is refused with its line."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.planning.planner import make_plan
from benchmarks.planning.tuning import plan_tuning
from benchmarks.study.loading import SUITES, load_attributes, load_mitigation, read
from benchmarks.study.testbed import Testbed as BedFile
from datamodules.check import open_data
from records.errors import UsageError
from records.yaml_text import parse_yaml, read_yaml, yaml_text
from tests.engine.conftest import TESTBED, write_suite
from tests.inputs.refused import refused

VALUES: dict[str, Any] = {
    "8": 8, "-3": -3, "+5": 5, "0": 0, "0.5": 0.5, ".5": 0.5, "5.": 5.0, "1e5": 1e5, "4e-4": 4e-4, "1.0E+3": 1000.0,
    "true": True, "False": False, "null": None, "": None, "none": "none", "y": "y", "1.2.3": "1.2.3", "1-2": "1-2",
    "inf": "inf", "é": "é", '"no"': "no", "'007'": "007", '"1234567890123456"': "1234567890123456", "'~'": "~",
    '"USER: say it"': "USER: say it", "'2024-01-01'": "2024-01-01", "'<<'": "<<", "'null'": "null", '"1e5"': "1e5",
    "[a, 'yes', 1]": ["a", "yes", 1], "{n: 1, 'no': 2}": {"n": 1, "no": 2}, "|\n  010": "010",
    "{<<: {a: 1, b: 1}, b: 2}": {"a": 1, "b": 2}, "[&x {a: 1}, *x]": [{"a": 1}, {"a": 1}],
    "{<<: [{a: 1}, {a: 2, b: 2}]}": {"a": 1, "b": 2}, "\ufeffa": "a", "a:\t1": {"a": 1},
}  # fmt: skip


@pytest.mark.parametrize("text", VALUES)
def test_read_as(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"held: {text}" if not text.startswith(("a", "\ufeff")) else text + " # held")
    found = parse_yaml((tmp_path / "a.yaml").read_text(encoding="utf-8-sig"), "a.yaml")
    found = found["held"] if isinstance(found, dict) and "held" in found else found
    assert (found, type(found)) == (VALUES[text], type(VALUES[text]))


QUOTES = "put it in quotes"
REFUSED = {
    "010": QUOTES, "[010]": QUOTES, "007": QUOTES, "08": QUOTES, "00.5": QUOTES, "1:30": QUOTES, "1:30.5": QUOTES,
    "1_0": QUOTES, "1_000.5": QUOTES, "0x10": QUOTES, "0o17": QUOTES, "0b11": QUOTES, "-0x1F": QUOTES,
    "yes": "or write true or false", "No": QUOTES, "on": QUOTES, "OFF": QUOTES, "~": "or write null",
    "2024-01-01": QUOTES, "2024-01-01 10:00:00": QUOTES, ".inf": QUOTES, "-.INF": QUOTES, ".nan": QUOTES,
    "1e400": QUOTES, "1e-400": QUOTES, "123456789012345678901": QUOTES, "=": QUOTES, "<<": QUOTES,
    "{1: a}": "key 1 is no plain text; put it in quotes", "{null: a}": "key null is no plain text",
    "{true: a}": "key true is no plain text", "{yes: a}": "key yes is no plain text", "{010: a}": "no plain text",
    "{2024-01-01: a}": "no plain text", "{[a]: 1}": "no plain text", "{~: 1}": "no plain text",
    "{a: 1, a: 2}": "key 'a' stands twice", "{<<: 1}": "key << is no plain text", "{<<: {a: 1}, <<: {b: 1}}": "once",
    "!!str 5": "found the tag", "!!int '5'": "found the tag", "!thing {}": "found the tag", "!!set {a}": "found the tag",
    "!!python/name:os.system x": "found the tag", "&a [*a]": "nested deeper than 60", "[" * 99 + "]" * 99: "deeper",
    "*nobody": "undefined alias", "a: b: c": "a text with a colon in it belongs in quotes", "@a": "cannot start",
    "\n\t- 1": "not valid YAML", "1\n--- 2": "a second document begins", "\x07": "not valid YAML",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_refused_with_line_and_key(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_yaml(f"# a comment\nseeds: {text}", "a.yaml")
    said = str(error.value)
    assert said.startswith("a.yaml: ")
    assert REFUSED[text] in said
    assert len(said) < 250
    if REFUSED[text] == QUOTES:
        assert re.match(r"a\.yaml: line 2: seeds(\[0\])?: found \S.* without quotes", said)


def test_aliases_cannot_stand_for_billions() -> None:
    names = "abcdefghij"
    bomb = f"a: &a [{'x,' * 9}x]\n"
    bomb += "".join(f"{b}: &{b} [{','.join(['*' + a] * 10)}]\n" for a, b in itertools.pairwise(names))
    with pytest.raises(UsageError, match="more than 100,000 values"):
        parse_yaml(bomb, "a.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("schema: 1".encode("utf-16"), "is no UTF-8"),
        ("name: é".encode("latin-1"), "is no UTF-8"),
        (b"", "found nothing"),
        (b"- 1", "found a list"),
        (b"# a comment alone", "found nothing"),
        (b"name: a\x00b", "not valid YAML"),
    ],
)
def test_files(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    assert refused(tmp_path / "a.yaml", said).startswith(f"{tmp_path / 'a.yaml'}: ")


def test_a_mark_of_byte_order_changes_nothing(tmp_path: Path) -> None:
    file = write_suite(tmp_path)
    plain = make_plan(str(file))
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert make_plan(str(file)).digest == plain.digest


@pytest.mark.parametrize("name", ["small", "testbed", "scenario", "method", "group", "base", "attributes"])
def test_every_kind_of_file_is_read_by_the_same_reader(name: str, tmp_path: Path) -> None:
    """One value in doubt in each of them is refused, with the file that it stands in."""
    people = {"schema": 1, "name": "people", "attributes": {"a": {"b": ["x"], "c": ["y"]}}}
    group = {"schema": 1, "name": "mine", "families": ["benchmarks.analytic.families.ImageMoments"]}
    scenario = {"schema": 1, "name": "loop", "trains": ["generator"], "images": "generator", "captions": "prompt"}
    method = {"schema": 1, "name": "mine", "class_path": "benchmarks.mitigations.fresh_real.FreshReal"}
    suite = write_suite(
        tmp_path, testbed_data={**TESTBED, "attributes": "attributes.yaml"}, extends="base.yaml", metrics=["group"],
        mitigations=["none", "method"], scenarios=[{"file": "scenario"}], primary={"generator": "variance"},
    )  # fmt: skip
    (tmp_path / "metrics").mkdir()
    files = {"scenario": scenario, "method": method, "metrics/group": group, "base": {"question": "q"}}
    for stem, data in {**files, "attributes": people}.items():
        (tmp_path / f"{stem}.yaml").write_text(yaml_text(data))
    assert make_plan(str(suite)).steps
    odd = tmp_path / ("metrics/group.yaml" if name == "group" else f"{name}.yaml")
    odd.write_text(odd.read_text() + "source: 010\n")
    said = refused(suite, f"{odd.name}: line ", "found 010 without quotes", "put it in quotes")
    assert said.startswith(str(odd))


TEXTS = ["no", "007", "1234567890123456", "USER: say it", "1e5", "null", "~", "2024-01-01", "[a]", "{a: 1}", "", " a "]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_in_quotes_arrives_as_that_text(text: str, tmp_path: Path) -> None:
    quoted = json.dumps(text)
    (tmp_path / "bed.yaml").write_text(
        f"schema: 1\nname: bed\ndata: {{class_path: a.B, init_args: {{x: {quoted}, y: [{quoted}]}}}}\n"
        "captioners: [{name: c, class_path: a.C}]\n"
    )
    assert read(BedFile, tmp_path / "bed.yaml").data.init_args == {"x": text, "y": [text]}
    (tmp_path / "m.yaml").write_text(f"schema: 1\nname: m\nclass_path: a.B\ninit_args: {{deep: {{x: {quoted}}}}}\n")
    assert load_mitigation(str(tmp_path / "m.yaml"), tmp_path).init_args == {"deep": {"x": text}}


def test_a_number_where_a_text_belongs_says_quotes(tmp_path: Path) -> None:
    refused(write_suite(tmp_path, question=7), "question: found 7", "a text, in quotes")
    refused(write_suite(tmp_path, metrics=[True]), "metrics[0]: found True", "a text, in quotes")


def test_lists_of_attributes_and_checked_data_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("schema: 1\nname: list\nattributes: {glasses: {yes: [a], 'no': [b]}}\n")
    bed = read(BedFile, SUITES / "testbeds" / "analytic_gaussian.yaml")
    object.__setattr__(bed, "attributes", "list.yaml")
    with pytest.raises(UsageError, match=r"list\.yaml: line 3: key yes is no plain text; put it in quotes"):
        load_attributes(bed, tmp_path / "bed.yaml")
    (tmp_path / "bed.yaml").write_text("data: {class_path: a.B, init_args: {digest: 012}}\n")
    with pytest.raises(ValueError, match="012 without quotes"):
        open_data(tmp_path / "bed.yaml")


def test_what_tune_writes_is_read_as_the_same(tmp_path: Path) -> None:
    method = {"schema": 1, "name": "mine", "class_path": "benchmarks.mitigations.fresh_real.FreshReal",
              "init_args": {"fraction": 0.25}, "source": "1e5", "search": {"fraction": [0.25, 0.5]}}  # fmt: skip
    (tmp_path / "mine.yaml").write_text(yaml_text(method))
    suite = str(write_suite(tmp_path))
    _, files = plan_tuning(suite, [], str(tmp_path / "mine.yaml"), [7], tmp_path / "variants")
    assert [read_yaml(Path(file))["source"] for file in files] == ["1e5", "1e5"]


class _Former(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """How files were read before: YAML 1.1, and 4e-4 as a number."""


_Former.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def test_shipped_files_say_what_they_said() -> None:
    files = sorted(SUITES.rglob("*.yaml"))
    assert len(files) > 100
    for file in files:
        former = yaml.load(file.read_text(encoding="utf-8"), Loader=_Former)
        assert json.dumps(read_yaml(file)) == json.dumps(former), file

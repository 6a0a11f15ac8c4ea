"""Names become files, folders, rows, tags and parts of metrics: one rule, asked when a study is planned."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands.main import main
from benchmarks.methods.ready import make_method
from benchmarks.planning.planner import make_plan
from benchmarks.study.loading import SUITES
from benchmarks.study.testbed import AttributeList
from leaderboard.entries import METRIC, NAME
from records.errors import UsageError
from records.names import plain_name
from records.yaml_text import yaml_text
from tests.engine.conftest import TESTBED, write_suite
from tests.inputs.refused import refused

GOOD = ["a", "A9", "blip2_opt_2.7b", "k3-live", "0", "x" * 64, "console", "com", "lpt10"]
BAD = [
    "", " ", ".", "..", "../x", "a/b", "a\\b", "a b", "a ", " a", "-a", "_a", ".a", "a.", "x" * 65, "x" * 300, "a|b",
    "a:b", "a*", "a?", "a\tb", "a\nb", "a\x00", "é", "e\u0301", "名", "\u202ea", "\ufeffa", "a=1", "a,n=5", "a@b", "'a'",
    "CON", "con", "nul.txt", "Aux", "com1", "LPT9.json", "<b>", "=1+1", "ａ",
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_plain(name: str) -> None:
    plain_name(name, "name")
    assert NAME.fullmatch(name)


@pytest.mark.parametrize("name", BAD)
def test_not_plain(name: str) -> None:
    with pytest.raises(ValueError, match=r"^name: found .*; allowed: 1 to 64 letters") as error:
        plain_name(name, "name")
    assert len(str(error.value)) < 220


FEW = ["a/b", "../x", "x" * 300, "a ", "con", "é"]


@pytest.mark.parametrize("name", [*FEW, "mlflow.db", "store", "Store", "mlflow.db-wal", "mlartifacts", "a.claims"])
def test_suites(name: str, tmp_path: Path) -> None:
    refused(write_suite(tmp_path, name=name), "small.yaml: name: found ")


@pytest.mark.parametrize("name", FEW)
def test_methods_by_their_own_name(name: str, tmp_path: Path) -> None:
    method = {"schema": 1, "name": name, "class_path": "benchmarks.mitigations.fresh_real.FreshReal"}
    (tmp_path / "mine.yaml").write_text(yaml_text(method), encoding="utf-8")
    suite = write_suite(tmp_path)
    refused(suite, "mitigation ", "name: found ", arguments=["--method", str(tmp_path / "mine.yaml")])
    refused(write_suite(tmp_path, mitigations=["none", "mine"]), "mitigation mine: name: found ")


@pytest.mark.parametrize("stem", ["my method", "m,n", "é", "m=1", "-m", "a" * 80])
def test_methods_by_their_file(stem: str, tmp_path: Path) -> None:
    method = {"schema": 1, "name": "mine", "class_path": "benchmarks.mitigations.fresh_real.FreshReal"}
    file = tmp_path / f"{stem}.yaml"
    file.write_text(yaml_text(method))
    refused(write_suite(tmp_path), "file: found ", arguments=[f"--method={file}"])


@pytest.mark.parametrize(
    ("name", "other"), [("None", "none"), ("REAL", "real"), ("Accumulate", "accumulate"), ("EMA", "ema")]
)
def test_a_method_that_differs_from_a_shipped_one_in_capitals(name: str, other: str, tmp_path: Path) -> None:
    method = {"schema": 1, "name": name, "class_path": "benchmarks.mitigations.fresh_real.FreshReal"}
    (tmp_path / "mine.yaml").write_text(yaml_text(method))
    said = refused(write_suite(tmp_path), arguments=["--method", str(tmp_path / "mine.yaml")])
    assert f"name: found {other!r} and {name!r}; allowed: names that differ in more than capitals" in said


def scenario(**changes: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "name": "loop",
        "trains": ["generator"],
        "images": "generator",
        "captions": "prompt",
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        *(({"name": name}, "loop.yaml: name: found ") for name in FEW),
        *(({"variants": {name: {}}}, "loop.yaml: variants: found ") for name in FEW),
        ({"parent": "a b"}, "loop.yaml: parent: found 'a b'"),
        ({"parent": "a/b/c"}, "loop.yaml: parent: found 'b/c'"),
        ({"variants": {"one": {}, "One": {"start": "base"}}}, "'loop/one/none' and 'loop/One/none'"),
    ],
)
def test_scenarios_and_variants(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").write_text(yaml_text(scenario(**changes)), encoding="utf-8")
    refused(write_suite(tmp_path, scenarios=[{"file": "loop"}]), said)


@pytest.mark.parametrize("role", ["captioners", "generators", "judges", "scorers"])
@pytest.mark.parametrize("name", ["a,n=5", "n=5", "x" * 41, "a/b", "é"])
def test_models(role: str, name: str, tmp_path: Path) -> None:
    """A judge's name is part of a metric's: `frechet@a,n=5,n=32` would be taken apart as another."""
    model = {**TESTBED["generators"][0], "name": name}
    refused(write_suite(tmp_path, {**TESTBED, role: [model]}), "testbed.yaml: name: found ")


def test_models_that_differ_in_capitals(tmp_path: Path) -> None:
    models = [TESTBED["generators"][0], {**TESTBED["generators"][0], "name": "G0"}]
    refused(write_suite(tmp_path, {**TESTBED, "generators": models}), "generators: names: found 'g0' and 'G0'")


def test_testbeds_and_groups(tmp_path: Path) -> None:
    refused(write_suite(tmp_path, {**TESTBED, "name": "a/b"}), "testbed.yaml: name: found 'a/b'")
    (tmp_path / "metrics").mkdir()
    group = {"schema": 1, "name": "a b", "families": ["benchmarks.analytic.families.ImageMoments"]}
    (tmp_path / "metrics" / "mine.yaml").write_text(yaml_text(group))
    refused(write_suite(tmp_path, metrics=["mine"]), "mine.yaml: name: found 'a b'")


@pytest.mark.parametrize(
    "attributes",
    [{"é": {"a": ("x",), "b": ("y",)}}, {"a": {"b c": ("x",), "d": ("y",)}}, {"a": {"x" * 25: ("x",), "d": ("y",)}},
     {"a_b": {"c": ("x",), "d": ("x",)}, "a": {"b_c": ("x",), "e": ("x",)}}],
)  # fmt: skip
def test_attributes_are_parts_of_metrics(attributes: Any) -> None:
    with pytest.raises(ValueError, match="attributes"):
        AttributeList(1, "list", attributes)
    assert METRIC.fullmatch(f"generator/reader_shift_{'x' * 24}_{'y' * 24}@{'j' * 40},n=1000000")


FAMILY = """
class Mine:
    version = 1
    side = {side!r}
    needs = ("images",)
    declares = {declares!r}
"""
FACTS = {"direction": "down"}


@pytest.mark.parametrize(
    ("side", "declares", "said"),
    [
        ("sound", {"a": FACTS}, "side: found 'sound'; allowed: captioner, generator, set"),
        ("generator", {"a b": FACTS}, "declares: found 'a b'"),
        ("generator", {"a@b": FACTS}, "declares: found 'a@b'"),
        ("generator", {"": FACTS}, "declares: found ''"),
        ("generator", {}, "declares: found no mapping"),
        ("generator", {"a": {"direction": "left"}}, "declares: a: direction: found 'left'; allowed: up, down, none"),
        ("generator", {"a": {}}, "declares: a: direction: found None"),
        ("generator", {"variance": FACTS}, "both declare generator/variance"),
    ],
)
def test_metric_families(side: str, declares: Any, said: str, tmp_path: Path) -> None:
    module = f"family_{abs(hash((side, str(declares), said)))}"
    (tmp_path / f"{module}.py").write_text(FAMILY.format(side=side, declares=declares))
    refused(write_suite(tmp_path, metrics=["benchmarks.analytic.families.ImageMoments", f"{module}.Mine"],
                        primary={"generator": "variance"}), "small.yaml: metrics: ", said)  # fmt: skip


HOOKS = {
    "a misspelt hook": ("    def curates(self, ctx): return ctx.new", "found 'curates', which nothing calls; allowed: "
                        "curate"),
    "another beside a hook": ("    def curate(self, ctx): return ctx.new\n    def reserve_item(self, n): return True",
                              "found 'reserve_item', which nothing calls; allowed: reserve_items"),
    "capitals": ("    def Curate(self, ctx): return ctx.new", "found 'Curate', which nothing calls"),
    "reads of another name": ("    read = {'curate': ('new',)}\n    def curate(self, ctx): return ctx.new",
                              "found 'read', which nothing calls; allowed: reads"),
    "a hook in a base of its own": ("    def _a(self): pass\n\nclass Base(Method):\n    def merges(self, ctx): pass\n\n"
                                    "class Method(Base):\n    def curate(self, ctx): return ctx.new", "found 'merges'"),
    "no hook": ("    def helper(self): return 1", "Method has no hook, so its row would be that of none"),
    "nothing": ("    pass", "Method has no hook"),
    "applies alone": ("    def applies(self, scenario): return True", "Method has no hook"),
    "a name of its own": ("    name = 'a/b'\n    def curate(self, ctx): return ctx.new", "name of the class: found 'a/b'"),
    "a module that fails": ("    def curate(self, ctx): return ctx.new\n\n1 / 0", "ZeroDivisionError"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOOKS)
def test_hooks_that_nothing_calls(case: str, tmp_path: Path) -> None:
    body, said = HOOKS[case]
    file = tmp_path / f"hooks_{case.replace(' ', '_')}.py"
    file.write_text(f"from benchmarks.methods.hooks import Mitigation\n\n\nclass Method(Mitigation):\n{body}\n")
    refused(write_suite(tmp_path), "mitigation ", said, arguments=["--method", f"{file}:Method"])


def test_a_class_whose_name_no_entry_can_hold(tmp_path: Path) -> None:
    file = tmp_path / "hidden_class.py"
    file.write_text("from benchmarks.methods.hooks import Mitigation\n\n\nclass _Mine(Mitigation):\n    def curate(self, ctx):\n        return ctx.new\n")  # fmt: skip
    refused(write_suite(tmp_path), "found '_Mine'", arguments=["--method", f"{file}:_Mine"])


@pytest.mark.parametrize("yaml", [False, True])
@pytest.mark.parametrize("stem", ["json", "tomllib", "xdrlib", "a.b", "records"])
def test_a_file_that_python_would_not_import_by_its_name(
    stem: str, yaml: bool, tmp_path: Path, monkeypatch: Any
) -> None:
    """`xdrlib` is a module that nothing here has imported: found beside the suite, it would be the method."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    file = tmp_path / f"{stem}.py"
    file.write_text("from benchmarks.methods.hooks import Mitigation\n\n\nclass Mine(Mitigation):\n    pass\n")
    given, said = f"{file}:Mine", "called otherwise"
    if yaml and stem != "a.b":
        (tmp_path / "mine.yaml").write_text(f"schema: 1\nname: mine\nclass_path: {stem}.Mine\n")
        given, said = str(tmp_path / "mine.yaml"), "allowed: a file"
    refused(write_suite(tmp_path), str(tmp_path), said, arguments=["--method", given])


@pytest.mark.parametrize("file", sorted((SUITES / "mitigations").glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_methods_are_written_as_meant(file: Path) -> None:
    assert make_method(file.stem, SUITES).spec.name == file.stem


def test_a_method_that_fits_no_scenario(tmp_path: Path) -> None:
    refused(write_suite(tmp_path), "method tce applies to none of its scenarios", arguments=["--method", "tce"])
    refused(write_suite(tmp_path, mitigations=["none", "tce"]), "method tce applies to none of its scenarios")
    same = {"schema": 1, "name": "same", "fit_patch": {"generator": {"steps": 1}}}
    (tmp_path / "same.yaml").write_text(yaml_text({**same, "fit_patch": {"generator": {"warmup": 0}}}))
    refused(write_suite(tmp_path), "applies to none", arguments=["--method", str(tmp_path / "same.yaml")])
    one = "[{file: single_model_generator}]"
    with contextlib.redirect_stdout(io.StringIO()) as out:  # scenarios left out on purpose take their methods with them
        assert main(["plan", str(write_suite(tmp_path, mitigations=["none", "tce"])), "--scenarios", one]) == 0
    assert "tce" not in out.getvalue()


def test_tuned_variants_keep_their_names_and_are_no_names_for_others(tmp_path: Path) -> None:
    method = {"schema": 1, "name": "mine[fraction=0.5]", "class_path": "benchmarks.mitigations.fresh_real.FreshReal"}
    (tmp_path / "mine.yaml").write_text(yaml_text(method))
    suite, mine = str(write_suite(tmp_path)), str(tmp_path / "mine.yaml")
    assert make_plan(suite, (), [mine], tuned=True).rows[-1].mitigation == "mine[fraction=0.5]"
    with pytest.raises(UsageError, match=r"name: found 'mine\[fraction=0.5\]'"):
        make_plan(suite, (), [mine])

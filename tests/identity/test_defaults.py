"""A default that is written out in a method's file changes no key, and neither does one that is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.methods.ready import make_method
from benchmarks.study.loading import SUITES, load_mitigation
from records.canonical import digest

CODE = """
from benchmarks.methods.hooks import Mitigation


class Mine(Mitigation):
    reads = {"curate": ("new",)}

    def __init__(self, share: float = 0.5, kind: str = "a", limits: tuple = (1, 2), cap: int | None = None, f=len):
        self.share = share

    def curate(self, ctx):
        return ctx.new
"""


def key(folder: Path, class_path: str, arguments: str) -> str:
    file = folder / "mine.yaml"
    file.write_text(f"{{schema: 1, name: mine, class_path: {class_path}, init_args: {arguments}}}\n")
    return digest(make_method(str(file), folder).method.identity)


@pytest.fixture
def mine(tmp_path: Path) -> str:
    name = f"mine_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(CODE)
    return f"{name}.Mine"


@pytest.mark.parametrize(
    "written",
    ["{share: 0.5}", "{kind: a, share: 0.5}", "{cap: null}", "{limits: [1, 2]}", "{share: 0.5, cap: null, kind: a}"],
)
def test_a_default_of_an_authors_class(written: str, mine: str, tmp_path: Path) -> None:
    assert key(tmp_path, mine, written) == key(tmp_path, mine, "{}")


@pytest.mark.parametrize("written", ["{share: 0.25}", "{kind: b}", "{cap: 0}", "{limits: [1, 3]}", "{share: 0.0}"])
def test_another_value_is_another_key(written: str, mine: str, tmp_path: Path) -> None:
    assert key(tmp_path, mine, written) != key(tmp_path, mine, "{}")


@pytest.mark.parametrize(
    ("shipped", "arguments"),
    [
        ("accumulate", "{cap: null}"),
        ("accumulate_capped", "{cap: 3}"),
        ("fresh_real", "{}"),
        ("verifier_filter", "{factor: 4}"),
        ("best_of_n", "{per_prompt: true}"),
        ("dataset_growth", "{cap: 8.0}"),
    ],
)
def test_a_shipped_class_has_the_key_that_it_always_had(shipped: str, arguments: str, tmp_path: Path) -> None:
    """However its arguments are written: the golden file holds those of the shipped files."""
    spec = load_mitigation(shipped, SUITES)
    mine = key(tmp_path, spec.class_path, arguments)
    assert mine == digest(make_method(shipped, SUITES).method.identity)


def test_a_composed_part_too(mine: str, tmp_path: Path) -> None:
    found = []
    for written in ("{}", "{share: 0.5}", "{share: 0.25}"):
        key(tmp_path, mine, written)
        (tmp_path / "both.yaml").write_text("{schema: 1, name: both, compose: [mine.yaml, ema]}\n")
        found.append(digest(make_method(str(tmp_path / "both.yaml"), tmp_path).method.identity))
    assert found[0] == found[1] != found[2]

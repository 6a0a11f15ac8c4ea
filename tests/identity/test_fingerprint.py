"""The digest of what a class does: which edits change it, and which do not."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from records.fingerprint import fingerprint

METHOD = """
import numpy as np
from helpers import half, THIRD
import aside
from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.knobs import share


def used(x):
    return np.mean(x) + THIRD


def unused(x):
    return x


class Method(Mitigation):
    def __init__(self, fraction: float = 0.5):
        self.fraction = share("fraction", fraction)

    def curate(self, ctx):
        return half(ctx.new), used(1), aside.taken(2)
"""
HELPERS = "THIRD = 3\n\ndef half(x):\n    return deeper(x) / 2\n\ndef deeper(x):\n    return x\n\ndef other(x):\n    return x\n"
ASIDE = "def taken(x):\n    return x\n\ndef left(x):\n    return x\n"


@pytest.fixture
def author(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes an author's modules and returns the digest of the method."""
    monkeypatch.syspath_prepend(tmp_path)
    made = 0

    def digest(method: str = METHOD, helpers: str = HELPERS, aside: str = ASIDE) -> str:
        nonlocal made
        made += 1
        for name, text in (("helpers", helpers), ("aside", aside)):
            (tmp_path / f"{name}{made}.py").write_text(text)
            method = method.replace(f"from {name} ", f"from {name}{made} ").replace(
                f"import {name}", f"import {name}{made} as {name}"
            )
        (tmp_path / f"method{made}.py").write_text(method)
        importlib.invalidate_caches()
        return fingerprint(f"method{made}.Method")

    return digest


@pytest.mark.parametrize(
    "edits",
    [
        {
            "method": METHOD.replace(
                "half(ctx.new), used(1), aside.taken(2)", "(half( ctx.new ), used(1),  # so\n  aside.taken(2))"
            )
        },
        {
            "method": METHOD.replace(
                "    def curate(self, ctx):", '    def curate(self, ctx):\n        """Say what it does."""'
            )
        },
        {"method": METHOD.replace("(self, ctx)", "(self, ctx: object) -> tuple")},
        {"method": METHOD.replace("    return x\n", "    return x + 1\n")},
        {"method": METHOD.replace("def unused(x):\n    return x\n\n\n", "") + "\n\ndef unused(x):\n    return x\n"},
        {"helpers": HELPERS.replace("def other(x):\n    return x", "def other(x):\n    return -x")},
        {"aside": ASIDE.replace("def left(x):\n    return x", "def left(x):\n    return -x")},
        {"helpers": "# moved\n" + HELPERS},
    ],
    ids=["layout", "docstring", "annotations", "unused", "order", "unused helper", "unused of a module", "comment"],
)
def test_edits_that_change_no_number_change_no_digest(edits: dict[str, str], author) -> None:
    assert author(**edits) == author()


@pytest.mark.parametrize(
    "edits",
    [
        {"method": METHOD.replace("0.5", "0.6")},
        {"method": METHOD.replace("+ THIRD", "- THIRD")},
        {"method": METHOD.replace("np.mean", "np.median")},
        {"method": METHOD.replace("import numpy as np", "import scipy.stats as np")},
        {"method": METHOD.replace("import share", "import positive as share")},
        {"helpers": HELPERS.replace("THIRD = 3", "THIRD = 4")},
        {"helpers": HELPERS.replace("/ 2", "/ 3")},
        {"helpers": HELPERS.replace("def deeper(x):\n    return x", "def deeper(x):\n    return -x")},
        {"aside": ASIDE.replace("def taken(x):\n    return x", "def taken(x):\n    return -x")},
    ],
    ids=[
        "default",
        "function",
        "library",
        "import",
        "shipped helper",
        "constant",
        "helper",
        "helper's helper",
        "module",
    ],
)
def test_edits_of_what_it_does_or_uses_change_the_digest(edits: dict[str, str], author) -> None:
    assert author(**edits) != author()


def test_the_engine_is_not_followed(author) -> None:
    """Its steps have versions: else every change of the engine would run every method again."""
    assert author(METHOD.replace("benchmarks.methods.hooks", "benchmarks.methods.compose")) == author()


def test_a_class_within_a_function_has_a_digest_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for name, number in (("inside1", 1), ("inside2", 2)):
        (tmp_path / f"{name}.py").write_text(f"def make():\n    class Inner:\n        x = {number}\n    return Inner\n")
    assert fingerprint("inside1.make.<locals>.Inner") != fingerprint("inside2.make.<locals>.Inner")


@pytest.mark.parametrize("version", ["3.11", "3.12"])
def test_digests_are_the_same_under_every_python(version: str) -> None:
    """The golden file holds them; here the other interpreter, where this machine has one."""
    import shutil

    other = shutil.which(f"python{version}")
    probe = [other, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"] if other else None
    if probe is None or subprocess.run(probe, capture_output=True, text=True, check=False).stdout.strip() != version:
        pytest.skip(f"no Python {version} here")
    code = (
        "from records.fingerprint import fingerprint; print(fingerprint('benchmarks.mitigations.triggered.Triggered'))"
    )
    run = subprocess.run([other, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert run.stdout.strip() == fingerprint("benchmarks.mitigations.triggered.Triggered"), sys.version

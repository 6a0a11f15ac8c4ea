"""Helpers of an author's method are part of its key however they are reached: an edit of one never leaves old numbers."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from records.fingerprint import fingerprint

HEAD = "from benchmarks.methods.hooks import Mitigation\n"
CLASS = "class Method(Mitigation):\n    def curate(self, ctx):\n        return {}\n"
HELPER = "K = 1\n\ndef go(x):\n    return x\n"
EDITED = "K = 1\n\ndef go(x):\n    return -x\n"


@pytest.fixture
def author(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes an author's modules, each time under new names, and returns the digest."""
    monkeypatch.syspath_prepend(tmp_path)
    made = 0

    def digest(method: str, **helpers: str) -> str:
        nonlocal made
        made += 1
        top = tmp_path.name.replace("-", "_")
        for name, text in helpers.items():
            file = tmp_path / f"{name.replace('__', '/')}.py".replace("pkg/", f"pkg_{top}{made}/")
            file = file.with_name(file.name.replace("helper", f"helper_{top}{made}"))
            file.parent.mkdir(exist_ok=True)
            file.write_text(text.replace("helper", f"helper_{top}{made}"))
            if file.parent != tmp_path:
                (file.parent / "__init__.py").touch()
        text = method.replace("helper", f"helper_{top}{made}").replace("pkg", f"pkg_{top}{made}")
        (tmp_path / f"method_{top}{made}.py").write_text(text)
        importlib.invalidate_caches()
        found = fingerprint(f"method_{top}{made}.Method")
        again = text.replace(f"_{top}{made}", "")  # names of modules do not enter, but texts of the code do
        assert again == method
        return found

    return digest


#: How a method reaches its helper; `go` is what it uses of it.
REACHED = {
    "by name": "from helper import go\n" + HEAD + CLASS.format("go(1)"),
    "by the module": "import helper as h\n" + HEAD + CLASS.format("h.go(1)"),
    "within the hook": HEAD + "class Method(Mitigation):\n    def curate(self, ctx):\n        from helper import go\n        return go(1)\n",
    "with a star": "from helper import *\n" + HEAD + CLASS.format("go(1)"),
    "as a value": "import helper as h\n" + HEAD + CLASS.format("getattr(h, 'g' + 'o')(1)"),
    "in a package": "from pkg import helper as h\n" + HEAD + CLASS.format("h.go(1)"),
    "as a value of a package": "from pkg import helper as h\n" + HEAD + CLASS.format("vars(h)['go'](1)"),
    "by an attribute set": "import helper as h\nh.K = 2\n" + HEAD + CLASS.format("h.go(1)"),
    "in a loop at the top": "import helper as h\n" + HEAD + CLASS.format("1") + "for name in ('curate',):\n    setattr(Method, name, h.go)\n",
    "by two functions that call it alike": HEAD + "class Method(Mitigation):\n    def curate(self, ctx):\n        from helper import go\n"
    "        return go(1)\n    def prompts(self, ctx):\n        from math import sqrt as go\n        return go(1)\n",
    "in a default": "from helper import go\n" + HEAD + "class Method(Mitigation):\n    def curate(self, ctx, f=go):\n        return f(1)\n",
    "as a base": "import helper as h\n" + HEAD + "class Base:\n    def go(self): return h.go(1)\n\n\nclass Method(Base, Mitigation):\n    def curate(self, ctx):\n        return self.go()\n",
}  # fmt: skip


@pytest.mark.parametrize("way", REACHED)
def test_an_edited_helper_is_another_method(way: str, author) -> None:
    where = "pkg__helper" if "pkg" in REACHED[way] else "helper"
    first = author(REACHED[way].replace("helper", "helper"), **{where: HELPER})
    assert author(REACHED[way], **{where: EDITED}) != first


def test_a_helper_that_is_imported_by_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "by_text.py").write_text(
        f"import importlib\n{HEAD}" + CLASS.format("importlib.import_module('text_helper').go(1)")
    )
    (tmp_path / "text_helper.py").write_text(HELPER)
    first = fingerprint("by_text.Method")
    (tmp_path / "text_helper.py").write_text(EDITED + "\n")
    assert fingerprint("by_text.Method") != first


@pytest.mark.parametrize(
    ("helper", "edited"),
    [
        ("import helper\n", "import helper\n\nhelper.K = 2\n"),
        (HELPER, HELPER + "go.fast = True\n"),
        (HELPER, HELPER + "for i in range(3):\n    K += i\n"),
        ("import os\nif 'A' in os.environ:\n    K = 1\nelse:\n    K = 2\n" + HELPER, "import os\nif 'B' in os.environ:\n    K = 1\nelse:\n    K = 2\n" + HELPER),
    ],
    ids=["sets an attribute", "marks a function", "a loop", "a condition"],
)  # fmt: skip
def test_what_a_module_does_when_it_is_imported_counts(helper: str, edited: str, author) -> None:
    for way in ("by the module", "by name"):
        assert author(REACHED[way], helper=helper) != author(REACHED[way], helper=edited)


def test_a_helper_that_is_imported_for_what_it_patches(author) -> None:
    method = "import helper\n" + HEAD + CLASS.format("1")
    assert author(method, helper="import math\nmath.tau = 1\n") != author(method, helper="import math\nmath.tau = 2\n")


@pytest.mark.parametrize(
    ("helper", "edited"),
    [
        (HELPER, HELPER + "\n\ndef other(x):\n    return 2\n"),
        (HELPER, "import sys\n" + HELPER),
        (HELPER, HELPER + "\n\nif __name__ == '__main__':\n    print(go(3))\n"),
        (HELPER, '"""Helps."""\n\n' + HELPER),
        (HELPER, "from typing import TYPE_CHECKING\n" + HELPER + "if TYPE_CHECKING:\n    import numpy\n"),
    ],
    ids=["another function", "an import", "a main block", "a docstring", "types"],
)
def test_what_changes_no_number_changes_no_key(helper: str, edited: str, author) -> None:
    assert author(REACHED["by name"], helper=helper) == author(REACHED["by name"], helper=edited)


CODE = """
import importlib, sys
sys.path.insert(0, {root!r})
import records.fingerprint as f
from benchmarks.methods.ready import make_method
from pathlib import Path
made = make_method("outside.methods:Method", Path("."))
assert made.method.code, "the code that is compared while a run goes on"
print(made.method.hooks.source_digest())
"""


def test_a_package_installed_beside_the_libraries_is_its_authors(tmp_path: Path) -> None:
    """As after `pip install` of one's own package: edit, install again, and its steps run again."""
    site = tmp_path / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "outside").mkdir(parents=True)
    (site / "outside" / "__init__.py").touch()
    (site / "outside" / "methods.py").write_text("from outside.helper import go\n" + HEAD + CLASS.format("go(1)"))
    root = Path(__file__).resolve().parents[2]
    code = (
        f"import sysconfig\nfrom pathlib import Path\nreal = sysconfig.get_path\n"
        f"sysconfig.get_path = lambda name, *a, **k: {str(site)!r} if name == 'purelib' else real(name, *a, **k)\n"
        f"import sys\nsys.path.insert(0, {str(site)!r})\n" + CODE.format(root=str(root))
    )
    found = []
    for text in (HELPER, EDITED, HELPER):
        (site / "outside" / "helper.py").write_text(text)
        run = subprocess.run(
            [sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert run.returncode == 0, run.stderr
        found.append(run.stdout)
    assert found[0] == found[2] != found[1]


def test_libraries_of_another_folder_are_libraries_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the user, of the system, or of an environment beside this one."""
    other = tmp_path / "lib" / "python3" / "dist-packages"
    other.mkdir(parents=True)
    monkeypatch.syspath_prepend(other)
    monkeypatch.syspath_prepend(tmp_path)
    (other / "some_library.py").write_text(HELPER)
    (tmp_path / "with_library.py").write_text("from some_library import go\n" + HEAD + CLASS.format("go(1)"))
    first = fingerprint("with_library.Method")
    (other / "some_library.py").write_text(EDITED + "\n")
    assert fingerprint("with_library.Method") == first
    (tmp_path / "plain_folder").mkdir()  # a package without __init__.py is no library
    (tmp_path / "plain_folder" / "helper.py").write_text(HELPER)
    (tmp_path / "in_folder.py").write_text("from plain_folder.helper import go\n" + HEAD + CLASS.format("go(1)"))
    first = fingerprint("in_folder.Method")
    (tmp_path / "plain_folder" / "helper.py").write_text(EDITED + "\n")
    assert fingerprint("in_folder.Method") != first

"""What SECURITY.md says, held by what stands in the code and by what happens to data that would run as code."""

from __future__ import annotations

import ast
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.commands.main import main
from benchmarks.storage import values
from tests.engine.conftest import write_suite
from tests.test_house import FILES, ROOT, module, tree

#: What runs code that lies in a file of data, whatever it is called with.
NEVER = (
    "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.load", "marshal.loads", "shelve.open", "dill.load",
    "dill.loads", "joblib.load", "cloudpickle.load", "cloudpickle.loads", "pandas.read_pickle", "pd.read_pickle",
    "yaml.load", "yaml.unsafe_load", "yaml.full_load", "torch.hub.load", "torch.jit.load", "os.system", "os.popen",
)  # fmt: skip
#: What does so unless it is told otherwise, and the word that tells it.
UNLESS = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
}
#: A device of a fit reads what the process that started it wrote a moment before, below a folder that nobody else has.
OWN = {("lightning_modules.fitting.ranks", "torch.load")}


def called(node: ast.Call) -> str:
    return ast.unparse(node.func) if isinstance(node.func, ast.Attribute | ast.Name) else ""


def calls() -> list[tuple[str, str, ast.Call]]:
    """Return every call of the project: module, what is called, the call."""
    nodes = ((module(file), node) for file in FILES for node in ast.walk(tree(file)) if isinstance(node, ast.Call))
    return [(name, called(node), node) for name, node in nodes]


def test_nothing_is_unpickled() -> None:
    found = [(name, what) for name, what, node in calls() if what in NEVER or (what in UNLESS and (name, what) not in OWN
             and not any(k.arg == UNLESS[what][0] and getattr(k.value, "value", None) is UNLESS[what][1]
                         for k in node.keywords))]  # fmt: skip
    assert not found
    imported = {alias.name for file in FILES for node in ast.walk(tree(file)) if isinstance(node, ast.ImportFrom)
                and node.module in ("pickle", "marshal", "shelve", "dill", "joblib") for alias in node.names}  # fmt: skip
    assert not imported


@pytest.mark.parametrize("word", ["trust_remote_code", "shell", "weights_only", "allow_pickle"])
def test_no_call_asks_for_foreign_code(word: str) -> None:
    harmless = word == "weights_only"
    found = [
        (name, what) for name, what, node in calls() for k in node.keywords
        if k.arg == word and getattr(k.value, "value", None) is not harmless and (name, what) not in OWN
    ]  # fmt: skip
    assert not found


class Evil:
    """Leaves a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


def test_a_crafted_artifact_runs_nothing(tmp_path: Path) -> None:
    folder, mark = tmp_path / "value", tmp_path / "mark"
    folder.mkdir()
    np.save(folder / "a.npy", np.array([Evil(mark)], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        values.load("arrays", folder)
    assert not mark.exists()


def test_no_server_of_ours_listens_to_other_machines() -> None:
    everywhere = ("0.0.0.0",)  # noqa: S104 (what is looked for)
    found = [
        (module(file), node.value) for file in FILES for node in ast.walk(tree(file))
        if isinstance(node, ast.Constant) and node.value in everywhere
    ]  # fmt: skip
    assert not found


def test_the_page_of_mlflow_is_for_this_machine_and_its_address_no_word_of_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    seen: list[Any] = []

    def started(command: list[str], env: dict[str, str], check: bool) -> Any:
        seen.append((command, env))
        return subprocess.CompletedProcess(command, 0)

    address = "postgresql://me:sesame@host/db"
    for name, value in (("MLFLOW_TRACKING_URI", address), ("MLFLOW_HOST", "0.0.0.0")):  # noqa: S104 (to be overruled)
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(subprocess, "run", started)
    assert main(["ui", str(write_suite(tmp_path)), "--runs", str(tmp_path / "runs")]) == 0
    ((command, environment),) = seen
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert environment["MLFLOW_BACKEND_STORE_URI"] == address
    printed = capsys.readouterr()
    assert "sesame" not in " ".join(command) + printed.out + printed.err


def test_the_page_says_what_runs_code() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    code = text.partition("## What is code")[2].partition("\n## ")[0]
    assert "`class_path`" in code
    assert "imported and run with your rights" in " ".join(code.split())

"""Installed from a wheel, every command writes below its own folder and nothing beside the packages."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from setuptools import find_namespace_packages

from records import place
from records.place import ROOT
from tests.engine.conftest import write_suite

GATES = [
    {
        "name": "variance", "row": "single_model_generator/default/none", "metric": "generator/variance",
        "relevant": 5.0, "watch": "both",
    }
]  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """What a wheel puts into site-packages, without weights, which nothing here reads."""
    for name in ("records", "benchmarks", "datamodules", "leaderboard", "lightning_modules", "suites"):
        shutil.copytree(
            ROOT / name, tmp_path / "site" / name, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors")
        )
    return tmp_path / "site"


def contents(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


#: All in one process: importing scipy eight times would take most of the test's time.
COMMANDS = """
import sys
from benchmarks.commands.main import main
from records.place import checkout
if __name__ == "__main__":
    assert checkout() is None
    sys.exit(any([main(line.split()) for line in sys.argv[1:]]))
"""


@pytest.mark.slow
def test_commands_write_below_the_folder_they_run_in(site: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    write_suite(here, gates=GATES, seeds=[0, 1, 2])
    (here / "commands.py").write_text(COMMANDS)
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    commands = (
        "run small.yaml --workers 1 --no-mirror",
        "submit small.yaml --method none",
        "submit small.yaml --method real",
        "verify entries/small/none.json --suite small.yaml",
        "table small.yaml --entries entries",
        "baseline small.yaml",
        "check small.yaml --runs runs",
        "table scenes_ten",
    )
    before = contents(site)
    done = subprocess.run(
        [sys.executable, "commands.py", *commands],
        cwd=here, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "wrote entries/small/none.json" in done.stdout
    assert "next: mmcollapse verify entries/small/none.json" in done.stdout
    assert "ok: none on small" in done.stdout
    assert "wrote runs/small/boards/small.json" in done.stderr
    assert "1 trend in baselines/small.json" in done.stdout
    assert "1 trend compared" in " ".join(done.stdout.split())
    shipped = (ROOT / "leaderboard/boards/scenes_ten.json").read_bytes()
    assert (here / "runs/scenes_ten/boards/scenes_ten.json").read_bytes() == shipped
    assert contents(site) == before


def test_weights_of_your_own_lie_below_the_folder_you_are_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert place.located("models/mine") == tmp_path / "models" / "mine"
    assert place.located("suites") == ROOT / "suites"
    assert place.located(str(tmp_path)) == tmp_path


def test_a_checkout_is_known_by_its_project_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert place.checkout() == ROOT
    assert place.kept("entries") == ROOT / "leaderboard" / "entries"
    monkeypatch.setattr(place, "ROOT", tmp_path)
    for other in (None, "[project]\nname = 'another'\n", "not TOML"):
        if other is not None:
            (tmp_path / "pyproject.toml").write_text(other)
        assert place.checkout() is None
        assert place.kept("entries") == Path("entries")


def test_a_wheel_holds_entries_weights_and_the_parts_that_claims_read() -> None:
    find = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    folders = set(find_namespace_packages(str(ROOT), include=find["include"], exclude=find["exclude"]))
    assert {"leaderboard.entries.board", "lightning_modules.bases.scenes.blip2", "suites.testbeds"} <= folders
    under_way = {f"leaderboard.parts.{path.name}" for path in (ROOT / "leaderboard" / "parts").glob("*")}
    assert under_way <= folders

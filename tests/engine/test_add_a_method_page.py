"""docs/add-a-method.md, followed word for word from an installed wheel in an empty folder, gives a row."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from benchmarks.commands.main import main
from benchmarks.planning.planner import make_plan
from benchmarks.study.loading import ROOT

PAGE, API = ROOT / "docs" / "add-a-method.md", ROOT / "docs" / "method-api.md"


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.S)


def test_the_page_shows_what_is_written(tmp_path: Path) -> None:
    assert main(["new-method", "keep_half", "--folder", str(tmp_path)]) == 0
    for language, name in (("python", "keep_half.py"), ("yaml", "keep_half.yaml")):
        (shown,) = blocks(PAGE, language)
        assert shown == f"# {name}\n{(tmp_path / name).read_text()}"
    plan = make_plan("analytic", methods=(str(tmp_path / "keep_half.yaml"),))
    assert "keep_half" in {row.mitigation for row in plan.rows}


def test_commands_name_suites_that_are_there() -> None:
    named = re.findall(r"mmcollapse run (\w+)", PAGE.read_text(encoding="utf-8") + API.read_text(encoding="utf-8"))
    assert len(named) > 5
    for suite in named:
        assert (ROOT / "suites" / f"{suite}.yaml").is_file()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and the packages that this one has beside it; its folder of commands."""
    home = tmp_path_factory.mktemp("wheel")
    tree = home / "tree"
    shutil.copytree(
        ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv", "runs", "__pycache__", "*.egg-info", "dist", "build")
    )
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(home), str(tree)]
    subprocess.run(build, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home / "venv")], check=True)
    python = home / "venv" / "bin" / "python"
    (wheel,) = home.glob("*.whl")
    subprocess.run([*pip, "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)], check=True)
    site = next((home / "venv" / "lib").glob("python*/site-packages"))
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")  # no editable install: its hook lies deeper
    shutil.rmtree(tree)
    return home / "venv" / "bin"


def followed(page: Path, first: int, folder: Path, commands: Path) -> str:
    """Follow a page with the installed command; return what was printed."""
    folder.mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"PATH": f"{commands}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "follow-page"), str(page), str(folder), "--first", str(first)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_page_gives_a_row_from_an_installed_wheel_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [installed / "python", "-c", "import benchmarks; print(benchmarks.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(installed.parent)
    printed = followed(PAGE, 1, tmp_path / "empty", installed)
    assert "t=2 curate" in printed
    assert "4 real, 4 of t=2" in printed
    lines = [line.split() for line in printed.splitlines()]
    found = next(words for words in lines if len(words) > 3 and words[0] == "keep_half" and words[1] != "protects")
    assert all(float(number) > 0 for number in found[1:3]), "at 0 and at T"
    assert "keep_half protects the generator." in printed
    assert ["results", "results/", "(30)"] in lines, "ten seeds of none, real and keep_half"
    left = {p.name for p in (tmp_path / "empty").iterdir()} - {"__pycache__"}
    assert left == {"keep_half.py", "keep_half.yaml", "runs"}


@pytest.mark.slow
def test_the_two_filters_run_as_the_page_says(installed: Path, tmp_path: Path) -> None:
    printed = followed(API, 1, tmp_path / "empty", installed)
    assert "likelihood: a function" in printed
    assert "of the 32 new ones" in printed
    rows = {line.split()[0] for line in printed.splitlines() if line.split()}
    assert {"Surprising", "Sure"} <= rows

"""The plan of the house, read from its imports: which room stands on which, how many there are, how large they may be."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("records", "datamodules", "leaderboard", "lightning_modules", "benchmarks")
#: What a package may import of the others; itself and libraries always.
BELOW = {
    "records": (),
    "datamodules": ("records",),
    "leaderboard": ("records",),
    "lightning_modules": ("records", "datamodules"),
    "benchmarks": ("records", "datamodules", "leaderboard", "lightning_modules"),
}
FILES = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def module(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(file): file for file in FILES}


def imported(file: Path) -> set[str]:
    """Return the modules of this project that a file imports anywhere, in functions and for types too."""
    found = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: relative import"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in whole}
    return {name for name in found if name.partition(".")[0] in PACKAGES}


def room(name: str) -> str:
    """Return the package that a module belongs to: a folder below a top-level package, or a file there."""
    return ".".join(name.split(".")[:2])


@pytest.mark.parametrize("package", PACKAGES)
def test_arrows_run_one_way(package: str) -> None:
    for file in (f for f in FILES if f.relative_to(ROOT).parts[0] == package):
        outside = {name for name in imported(file) if name.partition(".")[0] not in (package, *BELOW[package])}
        assert not outside, f"{file.relative_to(ROOT)} imports {sorted(outside)}"


def test_there_is_no_circle_between_rooms() -> None:
    arrows: dict[str, set[str]] = defaultdict(set)
    for name, file in MODULES.items():
        arrows[room(name)] |= {room(other) for other in imported(file)} - {room(name)}
    left = dict(arrows)
    while True:
        ground = {name for name, below in left.items() if not below & left.keys()}
        if not ground:
            break
        left = {name: below for name, below in left.items() if name not in ground}
    assert not left, f"rooms that import each other: { {k: sorted(v & left.keys()) for k, v in left.items()} }"


def test_benchmarks_has_at_most_sixteen_rooms() -> None:
    rooms = {
        path.stem
        for path in (ROOT / "benchmarks").iterdir()
        if (path.suffix == ".py" and not path.stem.startswith("__")) or (path / "__init__.py").is_file()
    }
    assert len(rooms) <= 16, sorted(rooms)


def test_no_file_has_more_than_300_lines_and_no_function_more_than_60() -> None:
    long = []
    for file in FILES:
        lines = file.read_text(encoding="utf-8").count("\n")
        long += [f"{module(file)}: {lines} lines"] if lines > 300 else []
        for node in ast.walk(tree(file)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or 0) - node.lineno + 1
                long += [f"{module(file)}.{node.name}: {length} lines"] if length > 60 else []
    assert not long, "\n".join(long)


def test_what_is_planned_with_imports_no_torch_at_the_top() -> None:
    """Parsing, planning and tables run where torch is not loaded: it costs seconds."""
    heavy = {"ray", "torch", "transformers", "diffusers", "pytorch_lightning", "torchmetrics", "peft"}
    light = [f for n, f in MODULES.items() if n.split(".")[0] in ("records", "leaderboard", "datamodules")
             or room(n) in {f"benchmarks.{p}" for p in ("study", "methods", "steps", "planning", "storage", "reporting", "survey", "commands")}]  # fmt: skip
    for file in light:
        for node in tree(file).body:
            names = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not {name.partition(".")[0] for name in names} & heavy, file

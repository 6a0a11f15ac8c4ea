"""Imports between the packages of lightning_modules run one way, whether at the top of a file or in a function."""

import ast
from pathlib import Path

import pytest

ROOM = Path(__file__).parents[2] / "lightning_modules"
#: From the bottom up; what shares a layer does not import one another.
LAYERS = (
    {"settings", "seeds", "memory", "weights", "inputs"},
    {"families", "fitting"},
    {"captioning", "diffusion", "judges"},
    {"architectures", "tiny"},
    {"bases"},
    {"speed"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def imported(file: Path) -> set[str]:
    """Return the packages and files of lightning_modules that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{a.name}" for a in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("lightning_modules.")}
    return found


@pytest.mark.parametrize("name", sorted(LEVEL))
def test_a_package_imports_only_what_lies_below(name: str) -> None:
    files = [ROOM / f"{name}.py", *(ROOM / name).rglob("*.py")]
    seen = {other for file in files if file.is_file() for other in imported(file)} - {name}
    assert {other for other in seen if LEVEL[other] >= LEVEL[name]} == set()


def test_every_package_has_a_layer() -> None:
    there = {p.stem for p in ROOM.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
    assert there - {"__init__"} == set(LEVEL)

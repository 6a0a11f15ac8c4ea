"""What every dataclass of a YAML file checks itself with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from records.names import MODALITIES, SIDES

SCHEMA = 1


def require(condition: bool, message: str) -> None:
    """Raise a ValueError unless the condition holds."""
    if not condition:
        raise ValueError(message)


def distinct(values: tuple[Any, ...], key: str) -> None:
    """Refuse values of which one stands twice."""
    require(len(set(values)) == len(values), f"{key}: {list(values)} holds a value twice; each may stand once")


def schema(found: int) -> None:
    """Refuse a file of another schema."""
    require(found == SCHEMA, f"schema: found {found}; this version reads {SCHEMA}")


def at_least(holder: Any, within: str, **least: int) -> None:
    """Refuse fields below their least value; None passes."""
    for key, value in least.items():
        found = getattr(holder, key)
        require(found is None or found >= value, f"{within}{key}: found {found}; allowed: {value} or more")


def modalities(names: Iterable[str], key: str) -> None:
    """Refuse what is neither captioner nor generator."""
    for name in names:
        require(name in MODALITIES, f"{key}: found {name!r}; allowed: captioner, generator")


def sides(names: Iterable[str], key: str) -> None:
    """Refuse what is no side of a metric."""
    for name in names:
        require(name in SIDES, f"{key}: found {name!r}; allowed: {', '.join(SIDES)}")

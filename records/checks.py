"""What every dataclass of a YAML file checks itself with, and the modalities that all of them name."""

from __future__ import annotations

from typing import Any, Literal

Modality = Literal["captioner", "generator"]
MODALITIES: tuple[Modality, ...] = ("captioner", "generator")
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

"""Arguments of a data set as a testbed gives them: one of another kind is refused in one sentence."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from datamodules.reading import shown


def require_texts(**arguments: object) -> None:
    """Refuse arguments that are no text."""
    for name, value in arguments.items():
        if not isinstance(value, str):
            raise ValueError(f"{name}: found {shown(value)}; allowed: a text")


def require_within(least: int, most: int, **arguments: object) -> None:
    """Refuse arguments that are no whole number within bounds."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"{name}: found {shown(value)}; allowed: {least} to {most}")


def path_of(name: str, value: object, kind: str) -> Path:
    """Return a file or folder, `~` written out."""
    if not (isinstance(value, str) and value.strip() and "\0" not in value):
        raise ValueError(f"{name}: found {shown(value)}; allowed: a {kind}")
    return Path(os.path.expanduser(value))


def sizes_of(value: object, splits: Iterable[str]) -> dict[str, int]:
    """Return the size of each split."""
    if not isinstance(value, Mapping):
        raise ValueError(f"sizes: found {shown(value)}; allowed: a mapping of splits to numbers")
    for split, size in value.items():
        if split not in splits:
            raise ValueError(f"sizes: found split {shown(split)}; allowed: {', '.join(splits)}")
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise ValueError(f"sizes: {split}: found {shown(size)}; allowed: 0 or more")
    return dict(value)

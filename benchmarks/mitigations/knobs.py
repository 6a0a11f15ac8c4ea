"""Checks of the knobs of methods: what was found and what is allowed, in one sentence."""

from __future__ import annotations

import math
from typing import Any


def whole(name: str, found: Any, least: int) -> int:
    """Return a whole number of `least` or more.

    Raises:
        ValueError: It is none.
    """
    if isinstance(found, bool) or not isinstance(found, int) or found < least:
        raise ValueError(f"{name}: found {found!r}; allowed: a whole number, {least} or more")
    return found


def share(name: str, found: Any, zero: bool = False) -> float:
    """Return a share in (0, 1], or in [0, 1].

    Raises:
        ValueError: It is none.
    """
    if not _number(found) or not (0 <= found <= 1 if zero else 0 < found <= 1):
        raise ValueError(f"{name}: found {found!r}; allowed: {'0 or more' if zero else 'above 0'}, at most 1")
    return float(found)


def positive(name: str, found: Any) -> float:
    """Return a finite number above 0.

    Raises:
        ValueError: It is none.
    """
    if not _number(found) or not found > 0:
        raise ValueError(f"{name}: found {found!r}; allowed: a number above 0")
    return float(found)


def _number(found: Any) -> bool:
    return isinstance(found, (int, float)) and not isinstance(found, bool) and math.isfinite(found)

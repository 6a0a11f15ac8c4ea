"""Laying plain data over plain data."""

from __future__ import annotations

from typing import Any


def merged(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``patch`` laid over it, mappings merged key by key, everything else replaced.

    A mapping with another `class_path` is replaced as well: arguments belong to the class they were written for.
    """
    result = dict(base)
    for key, value in patch.items():
        known = result.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            same = value.get("class_path", known.get("class_path")) == known.get("class_path")
            value = merged(known, value) if same else value
        result[key] = value
    return result

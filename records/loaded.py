"""The code that a process has imported, which an edit of its file does not change."""

from __future__ import annotations

import sys
from typing import Any

from records.errors import UsageError
from records.fingerprint import fingerprint

#: Class path -> the module that it lies in, and the digest of its code when this process first met it.
_met: dict[str, tuple[Any, str]] = {}


def imported(class_path: str) -> str:
    """Return the digest of a class's code when this process first met it."""
    module = sys.modules.get(class_path.rpartition(".")[0])
    if class_path not in _met or _met[class_path][0] is not module:
        _met[class_path] = module, current(class_path)
    return _met[class_path][1]


def current(class_path: str) -> str:
    """Return the digest of a class's code as its files are now; "" where they cannot be read."""
    try:
        return fingerprint(class_path)
    except (UsageError, OSError, AssertionError):
        return ""

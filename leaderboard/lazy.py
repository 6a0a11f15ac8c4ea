"""`scipy.stats`, imported on first use: checking the claims of a suite while planning must not wait for it."""

from __future__ import annotations

import importlib
from typing import Any


class Lazy:
    """Stands for a module until something of it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        """Import the module and return the attribute."""
        return getattr(importlib.import_module(self._name), attribute)


stats: Any = Lazy("scipy.stats")

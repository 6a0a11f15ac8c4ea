"""A store without files: what a test puts it gets back."""

from __future__ import annotations

import copy
from collections.abc import Container
from typing import Any

from benchmarks.storage.store import Record


class MemoryStore:
    """Artifacts as Python objects, for the analytic testbed and tests."""

    turns = None

    def __init__(self) -> None:
        self._values: dict[str, tuple[Record, Any]] = {}
        self._dropped: dict[str, Record] = {}

    def has(self, key: str) -> bool:
        """Whether the artifact is complete."""
        return key in self._values

    def done(self) -> Container[str]:
        """Return what is complete now."""
        return self._values.keys()

    def get(self, key: str) -> Any:
        """Return the very object that was put."""
        return self._values[key][1]

    def fresh(self, key: str) -> Any:
        """Return a copy."""
        return copy.deepcopy(self._values[key][1])

    def record(self, key: str) -> Record:
        """Return the manifest."""
        return self._values[key][0] if key in self._values else self._dropped[key]

    def recorded(self) -> Container[str]:
        """Return what is or was complete."""
        return self._values.keys() | self._dropped.keys()

    def put(self, record: Record, value: Any) -> None:
        """Keep a value."""
        self._values[record.key] = (record, value)

    def drop(self, key: str) -> None:
        """Keep the manifest alone; the value may be gone already."""
        if key in self._values:
            self._dropped[key] = self._values.pop(key)[0]

    def forget(self, key: str) -> None:
        """Keep the manifest alone."""
        self.drop(key)

    def dropped(self, key: str) -> int:
        """Whether the manifest alone is kept."""
        return int(key in self._dropped and key not in self._values)

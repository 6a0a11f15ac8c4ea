"""The digests of files that a process has read, or that a manifest has told it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.storage import values
from benchmarks.storage.values import Numbers, numbers_of


class Digests:
    """What one process knows of files, under all of their names."""

    def __init__(self) -> None:
        self._read: dict[Numbers, str] = {}
        self._told: dict[Numbers, str] = {}

    def of(self, file: Path) -> str:
        """Return the sha256 of a file's bytes; one that several artifacts share is read once a process."""
        if file.stat().st_nlink == 1:
            return values.file_digest(file)
        number = numbers_of(file)
        if number not in self._read:
            self._read[number] = values.file_digest(file)
        return self._read[number]

    def told(self, file: Path) -> str:
        """Return the digest of a file as a manifest told it, else as it is."""
        return self._told.get(numbers_of(file)) or self.of(file)

    def tell(self, file: Path, digest: str) -> None:
        """Note what a manifest says of a file that nobody has read."""
        self._told[numbers_of(file)] = digest

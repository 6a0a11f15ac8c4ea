"""Parts of entries: the cells of a study that are complete so far, as a small file that counts wherever it is.

A part is an entry without some of its cells, and says of each cell what an entry says of all of them together. So what
is made of several parts holds nothing of cells that do not count any more, and is the same bytes as if made at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from leaderboard.entries import (
    COMMIT,
    DATE,
    FOLDER,
    KEY,
    METRIC,
    TEXT,
    VERSION,
    Entry,
    EntryCell,
    EntryError,
    read_as,
    read_entries,
)
from leaderboard.text import counted
from records.results import CellError, Floor


@dataclass(frozen=True)
class Origin:
    """What cells were made with, often many of them.

    Attributes:
        commits: Of the benchmark, as in an entry: one, or those of an entry that says no more.
        versions: Package -> version.
        floors: Metric -> what real data scored.
    """

    commits: tuple[str, ...]
    versions: dict[str, str]
    floors: dict[str, Floor]


@dataclass(frozen=True)
class Made:
    """When a cell was made, and the number of its origin among those of its part."""

    created: str
    origin: int


@dataclass(frozen=True)
class Failed:
    """A cell that failed and has not been complete anywhere.

    Attributes:
        row: Scenario and variant, as people write them.
        seed: The seed.
        key: Of the cell.
        error: Where and why.
    """

    row: str
    seed: int
    key: str
    error: CellError


@dataclass(frozen=True)
class Part(Entry):
    """An entry that need not be whole.

    Attributes:
        made: Key of a cell -> when and with what it was made.
        origins: What cells were made with, each once.
        failed: Cells that failed.
    """

    made: dict[str, Made] = field(default_factory=dict)
    origins: tuple[Origin, ...] = ()
    failed: tuple[Failed, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether every seed of every row has its cell."""
        return all(set(row.seeds) == {cell.seed for cell in row.cells} for row in self.rows)

    def entry(self) -> Entry:
        """Return the entry that it is when it is whole."""
        return Entry(**{part.name: getattr(self, part.name) for part in fields(Entry)})


def known_cells(entry: Entry) -> Iterator[tuple[EntryCell, Origin, str]]:
    """Yield the cells of an entry or a part, each with its origin and when it was made, as far as that says it."""
    made, origins = (entry.made, entry.origins) if isinstance(entry, Part) else ({}, ())
    for row in entry.rows:
        together = Origin(entry.commits, entry.versions, row.floors)
        for cell in row.cells:
            own = made.get(cell.key)
            yield (cell, origins[own.origin], own.created) if own else (cell, together, entry.created)


def read_part(path: Path, suite: str) -> Part:
    """Read a part; an entry is one, too.

    Raises:
        EntryError: It cannot be read, or is of another suite.
    """
    part = read_as(Part, path)
    if part.suite != suite:
        raise EntryError(f"{path}: is of suite {part.suite}; allowed: {suite}")
    texts = [
        *((COMMIT, text) for origin in part.origins for text in origin.commits),
        *((VERSION, text) for origin in part.origins for pair in origin.versions.items() for text in pair),
        *((METRIC, text) for origin in part.origins for text in origin.floors),
        *((DATE, made.created) for made in part.made.values()),
        *((TEXT, text) for cell in part.failed for text in (cell.error.step, cell.error.message)),
        *((KEY, cell.key) for cell in part.failed),
    ]
    if any(not pattern.fullmatch(text) for pattern, text in texts):
        raise EntryError(f"{path}: origins, made, failed: found a text of another alphabet; allowed: those of an entry")
    if any(not 0 <= made.origin < len(part.origins) for made in part.made.values()):
        raise EntryError(f"{path}: made: names an origin that is not there; allowed: 0 to {len(part.origins) - 1}")
    seeds = {row.name: {*row.seeds} - {cell.seed for cell in row.cells} for row in part.rows}
    if any(cell.seed not in seeds.get(cell.row, ()) for cell in part.failed):
        raise EntryError(f"{path}: failed: names a seed that is complete or not its row's; allowed: the others")
    return part


def read_parts(suite: str, folder: Path) -> tuple[Part, ...]:
    """Read all parts of a suite, by name of method; a suite without a folder has none."""
    return tuple(read_part(path, suite) for path in sorted((folder / suite).glob("*.json")))


def read_study(suite: str, folder: Path = FOLDER) -> tuple[Entry, ...]:
    """Read the entries of a suite and, of methods that have none, their parts in `parts/` beside the folder.

    Which rows of a part have all of their cells is for boards and claims to see: neither reads a row before.

    Raises:
        EntryError: One of them cannot be read, or is of another suite.
    """
    entries = read_entries(suite, folder)
    whole = {entry.method for entry in entries}
    return (*entries, *(part for part in read_parts(suite, folder.parent / "parts") if part.method not in whole))


def in_words(study: Sequence[Entry]) -> str:
    """Return how many entries a study has, and how many parts of such."""
    parts = sum(isinstance(entry, Part) for entry in study)
    kinds = ((len(study) - parts, "committed entry", "committed entries"), (parts, "part", "parts"))
    return " and ".join(counted(*kind) for kind in kinds if kind[0])

"""Metric groups: one name for several metric families, as data in `suites/metrics/`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from records.checks import require, schema
from records.errors import UsageError, naming
from records.files import there
from records.names import plain_name
from records.sources import read_class


@dataclass(frozen=True)
class MetricGroup:
    """Several metric families under one name.

    Attributes:
        families: Class paths and other groups, in the order of the board.
    """

    schema: int
    name: str
    families: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the schema, the name, and that the group stands for something."""
        schema(self.schema)
        plain_name(self.name, "name")
        require(len(self.families) > 0, "families: found none; allowed: class paths and names of groups")


def families(names: Sequence[str], file: Path, read: Callable[[Path], MetricGroup], shipped: Path) -> tuple[str, ...]:
    """Return the class paths that a suite's `metrics` stand for, in order; a name without a dot is a group.

    Args:
        names: Class paths and groups.
        file: The suite; groups of its own lie in a folder `metrics` beside it.
        read: Reads the file of a group.
        shipped: The folder of the shipped groups.

    Raises:
        UsageError: When a group is unknown, contains itself, names a class that is not there, or a family stands twice.
    """
    shelves = (file.parent / "metrics", shipped)
    found: dict[str, Path] = {}
    for path, where in _expand(names, f"{file}: metrics", file, read, shelves, ()):
        if path in found:
            # Refused, not dropped: the order is that of the board and part of the suite's digest, so which of the two
            # places counts has to be said by whoever writes the suite.
            raise UsageError(
                f"{file}: metrics: {path} stands twice, in {found[path]} and {where}; allowed: each family once"
            )
        found[path] = where
    return tuple(found)


def _expand(
    names: Sequence[str], key: str, file: Path, read: Callable[[Path], MetricGroup], shelves: Sequence[Path],
    above: tuple[str, ...],
) -> Iterator[tuple[str, Path]]:  # fmt: skip
    for name in names:
        if "." in name:
            if above:  # of a suite's own class paths more is checked, and said of the suite, when its world is opened
                with naming(key):
                    read_class(name)
            yield name, file
            continue
        if name in above:
            circle = " -> ".join((*above[above.index(name) :], name))
            raise UsageError(f"{key}: found the circle {circle}; allowed: a group that does not contain itself")
        group = next((g for shelf in shelves if there(g := shelf / f"{name}.yaml")), None)
        if group is None:
            known = sorted({g.stem for shelf in shelves for g in shelf.glob("*.yaml")})
            raise UsageError(f"{key}: found {name!r}; allowed: a class path, or one of the groups {', '.join(known)}")
        yield from _expand(read(group).families, f"{group}: families", group, read, shelves, (*above, name))

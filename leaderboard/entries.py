"""Committed entries: one small JSON document per suite and method, what boards are rendered from.

An entry comes from a stranger. It is data, and read strictly: a size limit, no unknown or repeated field, finite
numbers, and text of an alphabet in which no markup, formula, address or control character can be written. What can be
read may still be incomplete or of another protocol: that is for the board to label and for `leaderboard.verify` to say.

Curves are whole for the primary metrics and for those that signatures and flags read; the others keep their ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from leaderboard.entries_migrations import MIGRATIONS
from records.codec import CodecError, decode_text, document_schema, document_text
from records.errors import UsageError
from records.names import MODALITIES, NAME, GroupName, MetricName, judged_sides
from records.results import Cost, Floor, MetricInfo

SCHEMA = 3
MOST_BYTES = 8_000_000
FOLDER = Path(__file__).parent / "entries"

METRIC = re.compile(r"[a-z]{1,32}/[A-Za-z0-9_-]{1,64}(@[A-Za-z0-9_.,=-]{1,64})?")
TEXT = re.compile(r"[A-Za-z0-9 .,;:()%'_-]{0,200}")  # no slash, so no address; no bracket, pipe, quote or sign
COMMAND = re.compile(r"make bench SUITE=[A-Za-z0-9_.-]{1,64}( METHOD=[A-Za-z0-9_./:-]{1,200})?")
COMMIT = re.compile(r"([0-9a-f]{7,40}\+?)?")
KEY = re.compile(r"[0-9a-f]{64}")
DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\+00:00|Z))?")
VERSION = re.compile(r"[A-Za-z0-9.+_-]{0,64}")
HOST = re.compile(r"[A-Za-z0-9 ._-]{0,64}")


class EntryError(UsageError):
    """An entry that cannot be read or written: one sentence that names the file and the problem."""


@dataclass(frozen=True)
class EntryCell:
    """One seed of one row.

    Attributes:
        seed: The seed.
        key: Of the cell, as in the result file: equal keys are equal experiments.
        curves: Metric -> values at 0..T, of a synthetic set at 1..T.
        ends: Metric -> values at the first and the last iteration that it is measured at.
        absent: Metric -> why it could not be had.
        cost: What the cell consumed.
        device: Kind of device, such as "cpu".
        machine: Kind of processor, such as "x86_64".
        threads: Threads of a worker; 0 where unknown.
        processor: Its make and vector instructions, such as "AMD EPYC 25 17 AVX512"; "" where unknown.
    """

    seed: int
    key: str
    curves: dict[str, tuple[float, ...]]
    ends: dict[str, tuple[float, ...]]
    cost: Cost
    device: str
    machine: str
    threads: int = 0
    processor: str = ""
    absent: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EntryRow:
    """One scenario variant: what was asked for, and its cells.

    Attributes:
        scenario: Scenario name.
        variant: Variant name.
        parent: The scenario whose controls it is scored with; null for its own.
        trains: The modalities that are trained; none in a chain.
        n: Items per iteration.
        iterations: T.
        seeds: Every seed that the suite asks for, whether its cell is here or not.
        info: Metric -> direction, whether it is a headline, protocol digest.
        floors: Metric -> what real data score.
        cells: One a seed.
    """

    scenario: str
    variant: str
    parent: str | None
    trains: tuple[str, ...]
    n: int
    iterations: int
    seeds: tuple[int, ...]
    info: dict[str, MetricInfo]
    floors: dict[str, Floor]
    cells: tuple[EntryCell, ...]

    @property
    def name(self) -> str:
        """Scenario and variant, as people write them."""
        return str(GroupName(self.scenario, self.variant))

    @property
    def primary(self) -> tuple[str, ...]:
        """The headline metrics of the modalities that are trained, or of the sets where nothing is."""
        sides = judged_sides(self.trains)
        return tuple(m for m, about in self.info.items() if about.primary and MetricName.parse(m).side in sides)


@dataclass(frozen=True)
class Entry:
    """One method on one suite.

    Attributes:
        suite: Name of the suite.
        method: Name of the method; the file is called after it.
        applies_to: Modalities that it is ranked on.
        class_name: What identifies its class; "" for the plain loop and for a patch of the scenario.
        init_args: Its knobs.
        rows: One per scenario variant that it applies to.
        not_applicable: "scenario/variant" of the suite's others.
        command: What makes its result files.
        version: Of the benchmark.
        commits: Of the benchmark, when the cells were made; "+" = with changes that were not committed.
        created: When the last cell was made.
        versions: Package -> version.
    """

    suite: str
    method: str
    applies_to: tuple[str, ...]
    rows: tuple[EntryRow, ...]
    not_applicable: tuple[str, ...]
    command: str
    version: str
    commits: tuple[str, ...]
    created: str
    versions: dict[str, str]
    class_name: str = ""
    init_args: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the entry belongs, below the folder of entries."""
        return Path(self.suite) / f"{self.method}.json"

    def to_json(self) -> str:
        """Return the text of the file: sorted keys, shortest exact floats, a list of numbers on one line.

        Raises:
            EntryError: Something in it could not be read again.
        """
        try:
            text = document_text(SCHEMA, type(self), self)
            check(self)
        except ValueError as error:
            raise EntryError(f"the entry of {self.method} cannot be written: {error}") from None
        text = re.sub(r"\[\n\s+[-+.0-9eE,\s]+?\n\s*\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
        if len(text.encode()) > MOST_BYTES:
            raise EntryError(f"the entry of {self.method} has {len(text):,} bytes; allowed: at most {MOST_BYTES:,}")
        return text


E = TypeVar("E", bound=Entry)


def read_entry(path: Path) -> Entry:
    """Read one entry of this or any older schema.

    Raises:
        EntryError: One sentence that names the file and the first problem.
    """
    return read_as(Entry, path)


def read_as(kind: type[E], path: Path) -> E:
    """Read one entry, or what holds more than an entry does, as strictly."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise EntryError(f"{path}: {path.stat().st_size:,} bytes; allowed: at most {MOST_BYTES:,}")
        entry = decode_text(kind, path.read_text(encoding="utf-8-sig"), SCHEMA, MIGRATIONS)
        check(entry)
    except (OSError, UnicodeDecodeError) as error:
        raise EntryError(f"{path}: cannot be read, {error}") from None
    except json.JSONDecodeError as error:
        raise EntryError(f"{path}: not valid JSON, {error}") from None
    except RecursionError:
        raise EntryError(f"{path}: nested too deeply") from None
    except ValueError as error:  # ours, and Python's for numbers of thousands of digits
        raise EntryError(f"{path}: {_harmless(str(error))}") from None
    if path.name != entry.path.name:
        raise EntryError(f"{path}: holds method {entry.method}, so it should be called {entry.path.name}")
    return entry


def read_entries(suite: str, folder: Path = FOLDER) -> tuple[Entry, ...]:
    """Read all entries of a suite, by name of method; a suite without a folder has none.

    Raises:
        EntryError: One of them cannot be read, or is of another suite.
    """
    entries = [read_entry(path) for path in sorted((folder / suite).glob("*.json"))]
    for entry in entries:
        if entry.suite != suite:
            raise EntryError(f"{folder / suite / entry.path.name}: is of suite {entry.suite}; allowed: {suite}")
    return tuple(entries)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of an entry, generated from the dataclasses."""
    return document_schema(Entry, SCHEMA, "entry")


def check(entry: Entry) -> None:
    """Check what the types do not say: alphabets, sizes, and that nothing stands twice.

    Raises:
        CodecError: With the place and what is wrong there.
    """
    _match(NAME, (entry.suite, entry.method), "suite and method")
    _match(COMMAND, (entry.command,), "command")
    _match(VERSION, (entry.version, *entry.versions, *entry.versions.values()), "versions")
    _match(COMMIT, entry.commits, "commits")
    _match(DATE, (entry.created,), "created")
    _match(re.compile(rf"({NAME.pattern})?"), (entry.class_name,), "class_name")
    _modalities(entry.applies_to, "applies_to")
    _unique(entry.not_applicable, "not_applicable")
    for name in entry.not_applicable:
        _match(NAME, GroupName.parse(name), "not_applicable")
    _unique([row.name for row in entry.rows] + list(entry.not_applicable), "rows")
    for row in entry.rows:
        _check_row(row)


def _check_row(row: EntryRow) -> None:
    where = f"rows: {_harmless(row.name)}"
    _match(NAME, (row.scenario, row.variant), where)
    if row.parent is not None:
        _match(re.compile(rf"{NAME.pattern}(/{NAME.pattern})?"), (row.parent,), f"{where}: parent")
    if row.trains:  # none in a chain
        _modalities(row.trains, f"{where}: trains")
    if row.n < 1 or row.iterations < 1 or not row.seeds:
        raise CodecError(f"{where}: n, iterations and the number of seeds must be 1 or more")
    _unique(row.seeds, f"{where}: seeds")
    _unique([cell.seed for cell in row.cells], f"{where}: seeds of cells")
    _match(METRIC, (*row.info, *row.floors), f"{where}: metrics")
    for metric in (*row.info, *row.floors):
        MetricName.parse(metric, f"{where}: metrics")
    _match(KEY, [about.protocol for about in row.info.values()], f"{where}: protocol")
    for cell in row.cells:
        place = f"{where}: seed {cell.seed}"
        if cell.seed not in row.seeds:
            raise CodecError(f"{place} is not among the seeds {list(row.seeds)}")
        _match(KEY, (cell.key,), f"{place}: key")
        _match(HOST, (cell.device, cell.machine, cell.processor), f"{place}: device, machine and processor")
        _match(TEXT, cell.absent.values(), f"{place}: absent")
        if min(asdict(cell.cost).values()) < 0 or cell.threads < 0:
            raise CodecError(f"{place}: a cost below 0")
        _unique([*cell.curves, *cell.ends], f"{place}: metrics")
        for metric in (*cell.curves, *cell.ends, *cell.absent):
            if metric not in row.info:
                raise CodecError(f"{place}: {_harmless(metric)} is not in info")
        for metrics, whole in ((cell.curves, True), (cell.ends, False)):
            for metric, values in metrics.items():
                points = row.iterations + 1 - MetricName.parse(metric).first if whole else 2
                if len(values) != points:
                    raise CodecError(f"{place}: {metric} has {len(values)} values, expected {points}")


def _match(pattern: re.Pattern[str], texts: Iterable[str], where: str) -> None:
    for text in texts:
        if not pattern.fullmatch(text):
            raise CodecError(f"{where}: found {_harmless(text)!r}; allowed: {pattern.pattern}")


def _modalities(names: Sequence[str], where: str) -> None:
    _unique(names, where)
    if not names or any(name not in MODALITIES for name in names):
        raise CodecError(f"{where}: found {_harmless(', '.join(names))}; allowed: {', '.join(MODALITIES)}")


def _unique(values: Sequence[Any], where: str) -> None:
    if len(set(values)) < len(values):
        raise CodecError(f"{where}: something stands twice")


def _harmless(text: str) -> str:
    """Return what may be shown on a terminal: printable ASCII, not too long."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:300])

"""Entries out of result files: what `make submit` writes, and what a plan expects of an entry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.planning.plan import Plan, PlannedRow
from benchmarks.planning.planner import make_plan
from benchmarks.planning.protocols import infos_with
from leaderboard.entries import Entry, EntryCell, EntryRow
from leaderboard.entries_parts import Failed, Made, Origin, Part, known_cells
from leaderboard.health import ALIGNMENT, BREADTH
from leaderboard.readings import curve
from leaderboard.signatures import stems
from records.errors import UsageError
from records.names import MODALITIES, MetricName, RowName
from records.place import release as _version
from records.results import CellError, CellResult, read_results

#: A cell, what it was made with, and when.
Known: TypeAlias = tuple[EntryCell, Origin, str]


def plan_with(suite: str, methods: Sequence[str] = ()) -> Plan:
    """Plan a suite as it is shipped, with more methods where it does not have them by itself."""
    plan = make_plan(suite)
    more = [name for name in methods if name not in {row.mitigation for row in plan.rows}]
    return make_plan(suite, (), more) if more else plan


def rows_of(plan: Plan, method: str) -> list[PlannedRow]:
    """Return the rows of a method, by its name or by what it was given as on the command line.

    Raises:
        UsageError: It has none.
    """
    added = {row.mitigation for row in plan.rows if row.added}
    name = method if any(row.mitigation == method for row in plan.rows) else next(iter(added), "")
    rows = [row for row in plan.rows if row.mitigation == name]
    if not rows:
        raise UsageError(f"suite {plan.suite.name}: method {method} applies to none of its scenarios")
    return rows


def expected(
    plan: Plan, rows: Sequence[PlannedRow], held: Mapping[str, Iterable[str]] | None = None
) -> tuple[EntryRow, ...]:
    """Return what an entry of these rows must hold, without cells.

    Args:
        plan: The suite with the method.
        rows: Of the method.
        held: Name of a row -> metrics that its cells hold: which names one has that is declared with `*`, the data say.
    """
    made = []
    for row in rows:
        planned = plan.cells[row.keys[0]]
        cell = planned.cell
        made.append(
            EntryRow(
                row.scenario, row.variant, row.parent, tuple(sorted(cell.scenario.trains)), cell.n, cell.iterations,
                row.seeds, infos_with(plan, planned, row.protocol, (held or {}).get(str(RowName.of(row).group), ())),
                {}, (),
            )
        )  # fmt: skip
    return tuple(made)


def make_entry(plan: Plan, method: str, results: Path, known: Iterable[Entry] = ()) -> Entry:
    """Make the entry of a method from the result files of a suite.

    Args:
        plan: The suite as it is shipped, with the method.
        method: Its name, or what it was given as on the command line.
        results: Folder of result files.
        known: What was made elsewhere or earlier: its cells of equal keys count where no result file has them.

    Raises:
        UsageError: A cell is missing, failed, or lacks a headline number; the sentence says which.
    """
    gathered = _gather(plan, rows_of(plan, method), results, known)
    if gathered.open:
        raise gathered.open[0][1]
    return _part(plan, method, gathered).entry()


def make_part(plan: Plan, method: str, results: Path, known: Iterable[Entry] = ()) -> tuple[Part, list[str]]:
    """Make of a method's entry what is there so far; return of other cells that have ended why they are not in it."""
    gathered = _gather(plan, rows_of(plan, method), results, known)
    return _part(plan, method, gathered), [str(why) for ended, why in gathered.open if ended]


@dataclass
class _Gathered:
    """The cells of a method that count.

    Attributes:
        rows: What an entry holds of them.
        cells: Each with what it was made with, and when, in the order of the rows.
        open: Of each that does not count, whether it has ended, complete or failed, and why it does not.
        failed: Those that failed, here or earlier.
    """

    rows: list[EntryRow] = field(default_factory=list)
    cells: list[Known] = field(default_factory=list)
    open: list[tuple[bool, UsageError]] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)


def _gather(plan: Plan, rows: Sequence[PlannedRow], results: Path, known: Iterable[Entry]) -> _Gathered:
    found, gathered, command = read_results(results), _Gathered(), plan.request.command()
    known = tuple(known)
    earlier = {part[0].key: part for entry in known for part in known_cells(entry)}
    failed = {cell.key: cell for entry in known if isinstance(entry, Part) for cell in entry.failed}
    for row, wanted in zip(rows, expected(plan, rows, _held(rows, found, earlier)), strict=True):
        mine: list[Known] = []
        for seed, key in zip(row.seeds, row.keys, strict=True):
            cell, part = found.get(key), earlier.get(key)
            try:
                whole = _complete(cell, seed, wanted, row.mitigation, results, command)
                mine.append((_cell(whole, wanted), _origin(whole), whole.created))
            except UsageError as error:
                if part is not None and part[0].curves.keys() >= set(wanted.primary):
                    mine.append((_within(part[0], wanted), *part[1:]))
                    continue
                status = cell.status if cell is not None else "incomplete"
                gathered.open.append((status != "incomplete", error))
                if cell is not None and cell.error is not None:
                    gathered.failed.append(Failed(wanted.name, seed, key, _public_error(cell.error)))
                elif status == "incomplete" and key in failed:
                    gathered.failed.append(replace(failed[key], row=wanted.name))
        floors = {m: floor for _, origin, _ in mine for m, floor in origin.floors.items() if m in wanted.info}
        cells = tuple(cell for cell, _, _ in mine)
        gathered.rows.append(EntryRow(**{**wanted.__dict__, "floors": floors, "cells": cells}))
        gathered.cells += mine
    return gathered


def _held(
    rows: Sequence[PlannedRow], found: Mapping[str, CellResult], earlier: Mapping[str, Known]
) -> dict[str, set[str]]:
    """Return, per row, every metric of its cells, those of result files and those of earlier entries."""
    held: dict[str, set[str]] = {}
    for row in rows:
        names = held.setdefault(str(RowName.of(row).group), set())
        names.update(*(found[key].info for key in row.keys if key in found))
        cells = [earlier[key][0] for key in row.keys if key in earlier]
        names.update(*(part for cell in cells for part in (cell.curves, cell.ends, cell.absent)))
    return held


def _part(plan: Plan, method: str, gathered: _Gathered) -> Part:
    first, suite = rows_of(plan, method)[0], plan.suite.name
    groups = dict.fromkeys(str(RowName.of(row).group) for row in plan.rows)
    method_of = plan.cells[first.keys[0]].cell.method
    origins: list[Origin] = []
    made = {}
    for cell, origin, created in gathered.cells:
        if origin not in origins:
            origins.append(origin)
        made[cell.key] = Made(created, origins.index(origin))
    return Part(
        suite=suite, method=first.mitigation, applies_to=first.applies_to, rows=tuple(gathered.rows),
        not_applicable=tuple(g for g in groups if g not in {row.name for row in gathered.rows}),
        command=f"make bench SUITE={suite}" + (f" METHOD={Path(method).name}" if first.added else ""),
        version=_version(),
        commits=tuple(sorted({commit for origin in origins for commit in origin.commits})),
        created=max((created for _, _, created in gathered.cells), default=""),
        versions=_versions([origin.versions for origin in origins]),
        class_name=method_of.class_name, init_args=public(dict(method_of.init_args)),
        made=made, origins=tuple(origins), failed=tuple(gathered.failed),
    )  # fmt: skip


def _origin(cell: CellResult) -> Origin:
    return Origin((cell.commit,) if cell.commit else (), cell.versions, cell.floors)


def _within(cell: EntryCell, row: EntryRow) -> EntryCell:
    """Return a cell without metrics that its row has no more."""
    return replace(
        cell,
        curves={metric: values for metric, values in cell.curves.items() if metric in row.info},
        ends={metric: values for metric, values in cell.ends.items() if metric in row.info},
        absent={metric: why for metric, why in cell.absent.items() if metric in row.info},
    )


def _complete(
    cell: CellResult | None, seed: int, row: EntryRow, method: str, results: Path, command: str
) -> CellResult:
    where = f"{method} on {row.name}, seed {seed}"
    if cell is None:
        raise UsageError(f"{where}: no result file in {results}; allowed: complete rows (run {command!r} first)")
    if cell.status != "complete":
        why = f" in {cell.error.step} {cell.error.iteration}: {cell.error.message}" if cell.error else ""
        raise UsageError(f"{where}: {cell.status}{why}; allowed: complete cells")
    for metric in row.primary:
        if curve(cell, metric) is None:
            why = f" ({cell.absent[metric]})" if metric in cell.absent else ""
            raise UsageError(f"{where}: {metric} was not measured at every iteration{why}; allowed: whole headlines")
    return cell


def _cell(cell: CellResult, row: EntryRow) -> EntryCell:
    curves, ends = {}, {}
    for metric, about in row.info.items():
        name, whole = MetricName.parse(metric), curve(cell, metric)
        if whole is not None and (about.primary or _is_read(name)):
            curves[metric] = tuple(map(float, whole))
            continue
        values = [cell.value(metric, t) for t in (name.first, row.iterations)]
        if all(value is not None for value in values):
            ends[metric] = tuple(value for value in values if value is not None)
    absent = {m: _told(why) for m, why in cell.absent.items() if m in row.info}
    said = {name: str(cell.execution.get(name, "")) for name in ("device", "machine", "processor")}
    host = {name: re.sub(r"[^A-Za-z0-9 ._-]", " ", text)[:64] for name, text in said.items()}
    threads = cell.execution.get("threads", 0)
    return EntryCell(cell.seed, cell.key, curves, ends, cell.cost, **host, threads=int(threads), absent=absent)


def _public_error(error: CellError) -> CellError:
    return replace(error, step=_told(error.step), message=_told(error.message))


def _told(text: str) -> str:
    """Return a reason in the alphabet of entries, without what is of one machine."""
    return re.sub(r"[^A-Za-z0-9 .,;:()%'_-]", " ", public(text))[:200]


#: A path that says where something lies on one machine: from a root, a home or a drive.
_PATH = re.compile(r"(?<![\w.:/])(?:file://)?(?:~[\w.-]*|[A-Za-z]:(?=[\\/]))?(?:[\\/][^\s\\/'\",;:()]+)+[\\/]?")


def public(value: Any) -> Any:
    """Return plain data without what is of one machine: of a path the name of its file alone."""
    if isinstance(value, dict):
        return {key: public(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [public(item) for item in value]
    return (
        _PATH.sub(lambda found: re.split(r"[\\/]", found[0].rstrip("\\/"))[-1], value)
        if isinstance(value, str)
        else value
    )


def _is_read(name: MetricName) -> bool:
    """Whether a signature or a flag reads the whole curve of a metric; none does of a synthetic set's."""
    read = name.metric in stems(name.side) or any(word in name.metric for word in (*ALIGNMENT, *BREADTH))
    return read and name.side in MODALITIES


def _versions(found: Sequence[Mapping[str, str]]) -> dict[str, str]:
    names = sorted({name for versions in found for name in versions})
    by_name = {name: {versions.get(name, "absent") for versions in found} for name in names}
    return {name: found.pop() if len(found) == 1 else "mixed" for name, found in by_name.items()}

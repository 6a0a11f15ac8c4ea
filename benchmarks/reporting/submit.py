"""Entries out of result files: what `make submit` writes, and what a plan expects of an entry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.planning.plan import Plan, PlannedRow
from benchmarks.planning.planner import make_plan
from benchmarks.planning.protocols import metric_infos
from leaderboard.entries import Entry, EntryCell, EntryRow
from leaderboard.health import ALIGNMENT, BREADTH
from leaderboard.readings import curve
from leaderboard.signatures import stems
from records.errors import UsageError
from records.names import MODALITIES, MetricName, RowName
from records.place import release as _version
from records.results import CellResult, read_results


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


def expected(plan: Plan, rows: Sequence[PlannedRow]) -> tuple[EntryRow, ...]:
    """Return what an entry of these rows must hold, without cells."""
    made = []
    for row in rows:
        planned = plan.cells[row.keys[0]]
        cell = planned.cell
        made.append(
            EntryRow(
                row.scenario, row.variant, row.parent, tuple(sorted(cell.scenario.trains)), cell.n, cell.iterations,
                row.seeds, metric_infos(plan, planned, row.protocol), {}, (),
            )
        )  # fmt: skip
    return tuple(made)


def make_entry(plan: Plan, method: str, results: Path, part: Entry | None = None, whole: bool = True) -> Entry:
    """Make the entry of a method from the result files of a suite.

    Args:
        plan: The suite as it is shipped, with the method.
        method: Its name, or what it was given as on the command line.
        results: Folder of result files.
        part: What was made of it elsewhere or earlier: its cells of equal keys count as those of result files do.
        whole: Whether every cell must be there; else cells that are not complete are left out.

    Raises:
        UsageError: A cell is missing, failed, or lacks a headline number; the sentence says which.
    """
    rows = rows_of(plan, method)
    name = rows[0].mitigation
    suite = plan.suite.name
    command = f"make bench SUITE={suite}" + (f" METHOD={Path(method).name}" if rows[0].added else "")
    found = read_results(results)
    known = {cell.key: cell for row in part.rows for cell in row.cells} if part else {}
    floors_of = {row.name: row.floors for row in part.rows} if part else {}
    made, cells = [], []
    for row, wanted in zip(rows, expected(plan, rows), strict=True):
        mine: list[EntryCell] = []
        floors = dict(floors_of.get(wanted.name, {}))
        for seed, key in _cells(row):
            cell = found.get(key)
            done = cell is not None and cell.status == "complete"
            if not done and key in known:
                mine.append(known[key])
            elif done or whole:
                cells.append(_complete(cell, seed, wanted, name, results, command))
                floors |= cells[-1].floors
                mine.append(_cell(cells[-1], wanted))
        made.append(EntryRow(**{**wanted.__dict__, "floors": floors, "cells": tuple(mine)}))
    groups = dict.fromkeys(str(RowName.of(row).group) for row in plan.rows)
    method_of = plan.cells[rows[0].keys[0]].cell.method
    return Entry(
        suite=suite, method=name, applies_to=rows[0].applies_to, rows=tuple(made),
        not_applicable=tuple(g for g in groups if g not in {row.name for row in made}),
        command=command, version=_version(),
        commits=tuple(sorted({*(cell.commit for cell in cells), *(part.commits if part else ())} - {""})),
        created=max([*(cell.created for cell in cells), *([part.created] if part else [])], default=""),
        versions=_versions([*(cell.versions for cell in cells), *([part.versions] if part else [])]),
        class_name=method_of.class_name, init_args=public(dict(method_of.init_args)),
    )  # fmt: skip


def _cells(row: PlannedRow) -> list[tuple[int, str]]:
    return list(zip(row.seeds, row.keys, strict=True))


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
    absent = {
        m: re.sub(r"[^A-Za-z0-9 .,;:()%'_-]", " ", public(why))[:200] for m, why in cell.absent.items() if m in row.info
    }
    said = {name: str(cell.execution.get(name, "")) for name in ("device", "machine", "processor")}
    host = {name: re.sub(r"[^A-Za-z0-9 ._-]", " ", text)[:64] for name, text in said.items()}
    threads = cell.execution.get("threads", 0)
    return EntryCell(cell.seed, cell.key, curves, ends, cell.cost, **host, threads=int(threads), absent=absent)


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

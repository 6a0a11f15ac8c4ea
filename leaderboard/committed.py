"""From committed entries to what a board is built from, alone or beside the result files of this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from leaderboard.board import Board, build
from leaderboard.entries import Entry, EntryCell, EntryRow
from leaderboard.entries_parts import Failed, Part
from leaderboard.readings import BoardRow
from records.names import CONTROLS, MetricName, RowName
from records.results import CellResult, MetricInfo, Point, Row

Rows = tuple[list[BoardRow], dict[str, CellResult]]


def entry_board(entries: Iterable[Entry]) -> Board:
    """Return the board of committed entries alone: equal entries give equal bytes, whatever is on this machine."""
    return build(*entry_rows(entries))


def entry_rows(entries: Iterable[Entry]) -> Rows:
    """Return rows and cells of entries, the controls first, then by name.

    A row that `none` has and a method neither has nor declares as not applicable is there without cells: it is
    incomplete, not absent.
    """
    ordered = sorted(entries, key=lambda e: (e.method not in CONTROLS, e.method))
    rows: list[BoardRow] = []
    cells: dict[str, CellResult] = {}
    study = next((e for e in ordered if e.method == "none"), None)
    for entry in ordered:
        known = {row.name for row in entry.rows} | set(entry.not_applicable)
        lost = [replace(row, cells=()) for row in (study.rows if study else ()) if row.name not in known]
        for row in (*entry.rows, *lost):
            keys = {seed: f"{entry.method}/{row.name}/{seed}" for seed in row.seeds}
            cells |= {keys[cell.seed]: _result(entry, row, cell, keys[cell.seed]) for cell in row.cells}
            cells |= {keys[cell.seed]: _failed(entry, row, cell, keys[cell.seed]) for cell in _failures(entry, row)}
            rows.append(
                BoardRow(
                    row.scenario, row.variant, entry.method, row.parent, row.seeds, tuple(keys.values()),
                    entry.applies_to, "entry", entry.command, entry.version,
                )
            )  # fmt: skip
    order = {name: i for i, name in enumerate(dict.fromkeys(row.group for row in rows))}
    return sorted(rows, key=lambda row: order[row.group]), cells


def beside_local(
    local: Sequence[BoardRow],
    results: Mapping[str, CellResult],
    entries: Iterable[Entry],
    planned: Mapping[tuple[str, str], Mapping[str, MetricInfo]],
) -> tuple[list[BoardRow], dict[str, CellResult], tuple[str, ...]]:
    """Return the rows of this machine together with the entries that they may be compared with.

    Of a row that is in both, a complete local one is shown, and otherwise the entry, unless it is a part of less.

    Args:
        local: Rows of the current plan.
        results: Result files by cell key.
        entries: Committed entries of the same suite.
        planned: (scenario, variant) -> metric -> what the current plan says of it.

    Returns:
        Rows in the order of the plan, cells by key, and the methods whose entries are left out: other protocol, N or T.
    """
    rows, cells = entry_rows(entries)
    usable: dict[RowName, BoardRow] = {}
    foreign: dict[str, None] = {}
    for row in rows:
        if row.group in planned and all(_same(cell, planned[row.group]) for cell in row.cells(cells)):
            usable[row.name] = row
        else:
            foreign[row.mitigation] = None
    chosen = []
    for row in local:
        twin = usable.pop(row.name, None)
        have = _complete(row, results)
        if twin is not None and have[0] < len(row.keys) and have <= _complete(twin, cells):
            row = twin
        chosen.append(row)
    chosen += usable.values()
    order = {name: i for i, name in enumerate(dict.fromkeys(row.group for row in (*local, *chosen)))}
    chosen.sort(key=lambda row: order[row.group])
    return chosen, {**results, **cells}, tuple(foreign)


def _complete(row: BoardRow, results: Mapping[str, CellResult]) -> tuple[int, int]:
    """Return how many cells of a row are complete, and how many there are."""
    cells = row.cells(results)
    return sum(cell.status == "complete" for cell in cells), len(cells)


def _same(cell: CellResult, planned: Mapping[str, MetricInfo]) -> bool:
    """Whether the headlines of an entry's cell were made by the plan's protocols, which hold N and T."""
    headlines = {m: about.protocol for m, about in cell.info.items() if about.primary}
    return headlines == {m: about.protocol for m, about in planned.items() if about.primary}


def _failures(entry: Entry, row: EntryRow) -> list[Failed]:
    return [cell for cell in entry.failed if cell.row == row.name] if isinstance(entry, Part) else []


def _failed(entry: Entry, row: EntryRow, cell: Failed, key: str) -> CellResult:
    """Return a cell that failed as a result in memory: it says why, and has no numbers."""
    return CellResult(
        suite=entry.suite, suite_digest="", key=key, seed=cell.seed, iterations=row.iterations, n=row.n,
        rows=(Row(row.scenario, row.variant, entry.method, row.parent),), trains=row.trains, status="failed",
        error=cell.error, info=row.info,
    )  # fmt: skip


def _result(entry: Entry, row: EntryRow, cell: EntryCell, key: str) -> CellResult:
    """Return the cell as a result in memory, with the numbers that an entry keeps."""
    metrics: dict[int, dict[str, float]] = {}
    sets: dict[int, dict[str, float]] = {}
    for metric, values in cell.curves.items():
        first = MetricName.parse(metric).first
        for iteration, value in enumerate(values, start=first):
            (sets if first else metrics).setdefault(iteration, {})[metric] = value
    for metric, ends in cell.ends.items():
        first = MetricName.parse(metric).first
        for iteration, value in zip((first, row.iterations), ends, strict=True):
            (sets if first else metrics).setdefault(iteration, {})[metric] = value
    execution = {name: getattr(cell, name) for name in ("device", "machine", "processor", "threads")}
    return CellResult(
        suite=entry.suite, suite_digest="", key=key, seed=cell.seed, iterations=row.iterations, n=row.n,
        rows=(Row(row.scenario, row.variant, entry.method, row.parent),), trains=row.trains, status="complete",
        metrics=tuple(Point(t, v) for t, v in sorted(metrics.items())),
        sets=tuple(Point(t, v) for t, v in sorted(sets.items())),
        absent=cell.absent, floors=row.floors, info=row.info, cost=cell.cost, execution=execution,
        versions=entry.versions, commit=", ".join(entry.commits), created=entry.created,
    )  # fmt: skip

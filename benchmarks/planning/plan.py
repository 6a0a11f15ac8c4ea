"""The whole graph of a study, known before anything runs: rows, cells and steps."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.planning.cells import Cell, Trace
from benchmarks.planning.request import Request
from benchmarks.steps import Base, Step
from benchmarks.study.loading import SUITES
from benchmarks.study.suite import Suite
from benchmarks.study.world import World
from records.names import CONTROLS, RowName


@dataclass(frozen=True)
class PlannedRow:
    """One line of the board: a scenario variant under a method, and its cells, one a seed."""

    scenario: str
    variant: str
    mitigation: str
    parent: str | None
    applies_to: tuple[str, ...]
    seeds: tuple[int, ...]
    keys: tuple[str, ...]
    protocol: str
    added: bool = False  # by --method, not by the suite

    def within(self, cells: Container[str]) -> PlannedRow:
        """Return the row with those of its seeds whose cells are among these."""
        kept = [(seed, key) for seed, key in zip(self.seeds, self.keys, strict=True) if key in cells]
        seeds, keys = zip(*kept, strict=True) if kept else ((), ())
        return replace(self, seeds=seeds, keys=keys)


@dataclass
class PlannedCell:
    """A cell, the rows it serves, and the steps it needs in the order of the loop."""

    key: str
    cell: Cell
    trace: Trace
    needs: tuple[str, ...]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def costed(self) -> list[str]:
        """Return the keys whose records tell what the cell cost; their values may have been dropped."""
        needs = set(self.needs)
        return [k for keys in self.trace.work.values() for k in keys if k in needs]


@dataclass
class Plan:
    """The whole study, known before it runs.

    Attributes:
        idle: Methods that were asked for and change nothing in any scenario, so that they have no row.
        request: What was asked for, as it was typed.
    """

    suite: Suite
    file: Path
    world: World
    digest: str
    rows: list[PlannedRow]
    cells: dict[str, PlannedCell]
    steps: dict[str, Step]
    idle: tuple[str, ...] = ()
    request: Request = field(default_factory=lambda: Request(""))

    def home(self, runs: Path) -> Path:
        """Return the folder of the study's results, board and pictures below a folder of runs."""
        return self.request.home(runs, self.suite.name)

    def results(self, runs: Path) -> Path:
        """Return the folder of the study's result files, one a cell."""
        return self.home(runs) / "results"

    @cached_property
    def origins(self) -> dict[str, str]:
        """Step -> the base model whose work it is, or of what was trained from it; "" = no model's."""
        found: dict[str, str] = {}
        for key, step in self.steps.items():
            found[key] = key if isinstance(step, Base) else found.get(step.network or "", "")
        return found

    @property
    def own(self) -> bool:
        """Whether the suite is somebody's own: it does not ship, so that no board of the project is of it."""
        return self.file.parent != SUITES

    @property
    def steps_total(self) -> int:
        """How many steps there would be if no two cells of the board shared any."""
        return sum(len(self.cells[key].needs) for row in self.rows for key in row.keys)

    @property
    def shown(self) -> dict[str, tuple[str, ...]]:
        """Return the cells that pictures are made of, the first seed of every row, and the samples these show."""
        first = dict.fromkeys(row.keys[0] for row in self.rows)
        return {key: tuple(self.cells[key].trace.samples.values()) for key in first}

    @property
    def asked(self) -> dict[str, PlannedCell]:
        """Return the cells of methods that were added to the suite and of the controls they need, else all."""
        groups = {(r.scenario, r.variant) for r in self.rows if r.added}
        wanted = [r for r in self.rows if r.added or (r.mitigation in CONTROLS and (r.scenario, r.variant) in groups)]
        return self.select(k for r in wanted for k in r.keys) if groups else self.cells

    @property
    def added(self) -> dict[str, PlannedCell]:
        """Return the cells of methods that were added to the suite, without the controls they need."""
        return self.select(key for row in self.rows if row.added for key in row.keys)

    @property
    def to_run(self) -> Plan:
        """Return what a run of the plan does: the cells that were asked for, their rows and their steps."""
        return self.only(self.asked)

    def only(self, cells: dict[str, PlannedCell]) -> Plan:
        """Return the plan of some cells: the rows and seeds that they are of, and their steps."""
        if len(cells) == len(self.cells):
            return self
        needed = {key for cell in cells.values() for key in cell.needs}
        rows = [part for row in self.rows if (part := row.within(cells)).keys]
        return replace(self, cells=cells, rows=rows, steps={k: s for k, s in self.steps.items() if k in needed})

    def select(self, keys: Iterable[str]) -> dict[str, PlannedCell]:
        """Return some of the cells."""
        wanted = set(keys)
        return {k: c for k, c in self.cells.items() if k in wanted}


def without_rows(plan: Plan) -> list[str]:
    """Return what to say of methods that were added and have no row in some of a suite's scenarios."""
    groups = dict.fromkeys(str(RowName.of(row).group) for row in plan.rows)
    said = []
    for name in dict.fromkeys(row.mitigation for row in plan.rows if row.added):
        own = {str(RowName.of(row).group) for row in plan.rows if row.mitigation == name}
        gone = [group for group in groups if group not in own]
        if gone:
            more = f" and {len(gone) - 3} more" if len(gone) > 3 else ""
            said.append(f"{name} changes nothing in {', '.join(gone[:3])}{more}: no row there")
    return said


def resolved(plan: Plan) -> dict[str, Any]:
    """Return the default-filled suite as plain data, for the record."""
    return asdict(plan.suite)

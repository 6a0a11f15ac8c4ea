"""The plan that a command line names: a suite, its overrides, and methods beside those of the suite."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from records.errors import UsageError, brief
from records.files import there
from records.names import CONTROLS, RowName
from records.overrides import heads
from records.place import kept

if TYPE_CHECKING:
    from benchmarks.planning.plan import Plan, PlannedCell


def read_plan(options: argparse.Namespace) -> Plan:
    """Plan the suite that the command line names; a method without a row and a board without a headline are refused.

    Scenarios that the command line names may leave out what methods of the suite are for.
    """
    from benchmarks.planning.needs import require_judged
    from benchmarks.planning.planner import make_plan

    methods = [name for given in options.method for name in methods_in(given, Path(options.suite).parent)]
    study = make_plan(options.suite, options.overrides, methods)
    narrowed = "scenarios" in heads(options.overrides)
    require_rows(study, [name for name in study.idle if name in methods or not narrowed])
    require_judged(study)
    return study


def methods_in(given: str, near: Path) -> list[str]:
    """Return the methods that one `--method` names: one, or several with spaces between where no file is called so."""
    file, _, name = given.rpartition(":")
    file = file if file and name.isidentifier() else given
    return [given] if there(Path(file)) or there(near / file) else given.split()


def require_rows(study: Plan, idle: Sequence[str]) -> None:
    """Refuse methods that have no row: their run would end well and show nothing of them.

    Raises:
        UsageError: Naming the first, and where it was asked for.
    """
    if idle:
        groups = ", ".join(dict.fromkeys(str(RowName.of(row).group) for row in study.rows))
        raise UsageError(
            f"{study.file}: method {idle[0]} applies to none of its scenarios; allowed: one that changes any of them "
            f"({brief(groups, 100)})"
        )


def read_runnable(options: argparse.Namespace) -> Plan:
    """Plan the suite that the command line names, to be run: weights that are here are those that it names."""
    from benchmarks.planning.devices import require_room
    from benchmarks.planning.needs import require_fit
    from benchmarks.reporting.boards import require_entries

    study = read_plan(options)
    require_fit(study)
    require_room(study)
    require_entries(study)
    return study


def asked(study: Plan, options: argparse.Namespace) -> dict[str, PlannedCell]:
    """Return the cells that a command line asks for: with the controls that they need or without, less `--parts`.

    Raises:
        UsageError: Controls are to be those of committed entries, and there are none that methods can be compared with;
            or nothing is left to run.
    """
    cells = _with_controls(study, options)
    if options.parts is None:
        return cells
    from leaderboard.entries import read_entries

    found = read_entries(study.suite.name, options.parts)
    made = {cell.key for entry in found for row in entry.rows for cell in row.cells}
    left = {key: cell for key, cell in cells.items() if key not in made}
    if not left:
        raise UsageError(f"--parts: {options.parts} has every cell that was asked for; allowed: to `submit`")
    return left


def _with_controls(study: Plan, options: argparse.Namespace) -> dict[str, PlannedCell]:
    if not options.committed_controls:
        return study.asked
    from benchmarks.reporting.boards import make_board

    if not study.added:
        raise UsageError("--committed-controls: found no --method; allowed: with methods beside those of the suite")
    board = make_board(study, study.results(options.runs))
    for row in (row for row in study.rows if row.added):
        for control in CONTROLS:
            name = RowName(row.scenario, row.variant, control)
            if not any(r.name == name and r.origin == "entry" and set(r.seeds) >= set(row.seeds) for r in board.rows):
                raise UsageError(
                    f"--committed-controls: found no entry of {name} that this plan can be compared with; allowed: "
                    "without it, so that controls run, too"
                )
    return study.added


def entries_of(plan: Plan) -> Path:
    """Return the folder of a suite's entries: the checkout's, or else here; beside the file of a suite of one's own."""
    return plan.file.parent / "entries" if plan.own else kept("entries")

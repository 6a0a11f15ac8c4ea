"""The plan that a command line names: a suite, its overrides, and methods beside those of the suite."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.commands.streams import tell
from records.errors import UsageError, brief
from records.files import there
from records.names import CONTROLS, RowName
from records.overrides import heads
from records.place import kept

if TYPE_CHECKING:
    from benchmarks.planning.plan import Plan, PlannedCell
    from leaderboard.entries import Entry


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
    """Return the cells that a command line asks for: with the controls that they need or without.

    With `--parts`, less the cells that parts and entries have: equal keys are equal experiments. A part goes where its
    entry is whole, so parts alone would not tell.

    Raises:
        UsageError: Controls are to be those of committed entries, and there are none that methods can be compared with,
            nor whole ones among the results of this machine.
    """
    cells = _with_controls(study, options)
    if options.parts is None:
        return cells
    from leaderboard.entries_parts import read_parts

    parts = read_parts(study.suite.name, options.parts)
    if not parts:
        where = options.parts / study.suite.name
        tell(f"note: --parts: found no file in {where}; only what entries have is left out", sys.stderr)
    made = {cell.key for entry in (*parts, *known_entries(study)) for row in entry.rows for cell in row.cells}
    left = {key: cell for key, cell in cells.items() if key not in made}
    if not left:
        tell(f"note: --parts: {options.parts} and entries have every cell that was asked for; none is run", sys.stderr)
    return left


def known_entries(plan: Plan) -> list[Entry]:
    """Return the entries of a suite, those that `submit` writes and those that its board reads."""
    from benchmarks.reporting.boards import entries_beside
    from leaderboard.entries import read_entries

    folders = dict.fromkeys(folder.resolve() for folder in (entries_beside(plan), entries_of(plan)))
    return [entry for folder in folders for entry in read_entries(plan.suite.name, folder)]


def _with_controls(study: Plan, options: argparse.Namespace) -> dict[str, PlannedCell]:
    if not options.committed_controls:
        return study.asked
    from benchmarks.reporting.boards import make_board
    from records.results import read_results

    if not study.added:
        raise UsageError("--committed-controls: found no --method; allowed: with methods beside those of the suite")
    folder = study.results(options.runs)
    done = {key for key, result in read_results(folder).items() if result.status == "complete"}
    known = [r for r in make_board(study, folder).rows if r.origin == "entry" or done.issuperset(r.keys)]
    for row in (row for row in study.rows if row.added):
        for control in CONTROLS:
            name = RowName(row.scenario, row.variant, control)
            if not any(r.name == name and set(r.seeds) >= set(row.seeds) for r in known):
                raise UsageError(
                    f"--committed-controls: found no entry of {name} that this plan can be compared with; allowed: "
                    "without it, so that controls run, too"
                )
    return study.added


def entries_of(plan: Plan) -> Path:
    """Return the folder of a suite's entries: the checkout's, or else here; beside the file of a suite of one's own."""
    return plan.file.parent / "entries" if plan.own else kept("entries")

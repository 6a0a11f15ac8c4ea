"""The subcommands about committed entries: `submit` writes one, `verify` checks one, `transfer` compares boards."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.commands.planned import entries_of, known_entries, methods_in
from benchmarks.commands.streams import no_overrides, tell
from records.errors import UsageError
from records.files import alone, write_text
from records.names import MODALITIES, RowName
from records.place import checkout

if TYPE_CHECKING:
    from benchmarks.planning.plan import Plan, PlannedRow
    from leaderboard.entries import Entry
    from leaderboard.verify import Findings

EXIT_NOT_ACCEPTED = 1
SHOWN = 5  # complete cells that are left out of a part, of which the others are counted


def add_entry_commands(commands: Any) -> None:
    """Add the subcommands to the parser of `benchmarks.commands.main`."""
    command = commands.add_parser("submit", help=(submit.__doc__ or " ").splitlines()[0], allow_abbrev=False)
    command.add_argument("suite", help="a shipped suite's name, or a YAML file")
    command.add_argument(
        "--method", required=True, help="none, real, a method's name, its YAML file or file.py:Class; several in quotes"
    )
    command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of stores and results")
    command.add_argument(
        "--entries",
        type=Path,
        default=None,
        help="folder of entries (default: the checkout's or ./entries; of a suite of your own beside its file)",
    )
    command.add_argument(
        "--parts", type=Path, metavar="FOLDER",
        help="count cells of FOLDER/SUITE/METHOD.json, too; what is not complete yet is written there",
    )  # fmt: skip
    command.set_defaults(run=submit)
    command = commands.add_parser("verify", help=(verify.__doc__ or " ").splitlines()[0], allow_abbrev=False)
    command.add_argument("entry", type=Path, help="an entry's file")
    command.add_argument("--suite", default=None, help="the suite's YAML file, if it is not a shipped one")
    command.add_argument("--method", default=None, help="the method's YAML file or file.py:Class, if it is not shipped")
    command.add_argument("--rerun", type=int, default=None, metavar="SEED", help="run a cell again and compare it")
    command.add_argument("--row", default=None, help="scenario/variant of that cell (default: the entry's first)")
    command.add_argument("--workers", type=int, default=None, help="worker processes (default: one a core)")
    command.set_defaults(run=verify)
    command = commands.add_parser("transfer", help=(transfer.__doc__ or " ").splitlines()[0], allow_abbrev=False)
    command.add_argument("suites", nargs="+", help="names of suites; the first is compared with each other one")
    command.add_argument("--side", choices=MODALITIES, default="", help="one side alone (default: every side)")
    command.add_argument("--entries", type=Path, help="folder of entries (default: the project's)")
    command.set_defaults(run=transfer)


def submit(options: argparse.Namespace) -> int:
    """Write a method's entry from its result files; incomplete ones are refused, or with --parts kept."""
    no_overrides(options, "an entry is of a suite as it is written")
    for method in methods_in(options.method, Path(options.suite).parent):
        _submit(options, method)
    return 0


def _submit(options: argparse.Namespace, method: str) -> None:
    from benchmarks.reporting.submit import make_entry, plan_with, rows_of

    plan = plan_with(options.suite, [method])
    if options.parts is None:
        _keep(options, plan, method, make_entry(plan, method, plan.results(options.runs)))
        return
    kept = options.parts / plan.suite.name / f"{rows_of(plan, method)[0].mitigation}.json"
    with alone(kept.parent):  # another command may be about to add cells to the same part
        _submit_part(options, plan, method, kept)


def _submit_part(options: argparse.Namespace, plan: Plan, method: str, kept: Path) -> None:
    """Write the entry of a method where it is whole, and else what is there of it, as a part."""
    from benchmarks.reporting.submit import make_part
    from leaderboard.entries_parts import read_part

    results, name = plan.results(options.runs), plan.suite.name
    places = dict.fromkeys([kept, (options.entries or entries_of(plan)) / name / kept.name])
    known = [*known_entries(plan), *(read_part(path, name) for path in reversed(places) if path.is_file())]
    part, lacking = make_part(plan, method, results, known)
    for why in lacking[:SHOWN]:
        tell(f"left out: {why}")
    if len(lacking) > SHOWN:
        tell(f"left out: {len(lacking) - SHOWN} more")
    if part.whole:
        _keep(options, plan, method, part.entry())
        kept.unlink(missing_ok=True)
        return
    have, wanted = (sum(map(len, counts)) for counts in ([r.cells for r in part.rows], [r.seeds for r in part.rows]))
    if not have:
        where = f"neither {results} nor {kept}"
        raise UsageError(f"{part.method} on {part.suite}: {where} has a complete cell; allowed: one or more")
    _write(part, kept)
    again = plan.request.command("run", [*_elsewhere(options), f"--parts={options.parts}"])
    failed = f", {len(part.failed)} failed" if part.failed else ""
    tell(f"{have} of {wanted} cells are complete{failed}; the others: {again}")


def _keep(options: argparse.Namespace, plan: Plan, method: str, entry: Entry) -> None:
    """Write an entry, and say which commands check it and render its board."""
    path = _short((options.entries or entries_of(plan)) / entry.path)
    _write(entry, path)
    added = any(row.added for row in plan.rows)
    options_of = [*(["--suite", options.suite] if plan.own else []), *(["--method", method] if added else [])]
    board = ["--runs", str(options.runs)] if options.runs != Path("runs") else []
    if options.entries is not None or not (plan.own or checkout()):  # elsewhere than where `table` looks by itself
        board += ["--entries", str(_short(path.parents[1]))]
    for line in _next(path, options.suite if plan.own else entry.suite, options_of, board):
        tell(line)


def _elsewhere(options: argparse.Namespace) -> list[str]:
    return [] if options.runs == Path("runs") else [f"--runs={options.runs}"]


def _write(entry: Entry, path: Path) -> None:
    from leaderboard.entries import read_as

    text = entry.to_json()
    if path.is_file() and (there := read_as(type(entry), path).class_name) != entry.class_name:
        raise UsageError(
            f"{path}: holds {there or 'no class'}, and {entry.method!r} is {entry.class_name or 'none'} now; allowed: "
            "another name for the method, or that file moved away"
        )
    write_text(path, text)
    read_as(type(entry), path)  # what was written can be read by the strict reader
    tell(f"wrote {path}: {len(entry.rows)} rows, {len(text):,} bytes")


def _next(path: Path, suite: str, words: list[str], board: list[str]) -> list[str]:
    """Return the commands that check an entry and render its board, as they can be copied; make's in its folder."""
    if checkout() != Path.cwd():
        return [f"next: mmcollapse {shlex.join(['verify', str(path), *words])}",
                f"then: mmcollapse {shlex.join(['table', suite, *board])}"]  # fmt: skip
    check, more = (f" ARGS={shlex.quote(shlex.join(given))}" if given else "" for given in (words, board))
    return [f"next: make verify ENTRY={shlex.quote(str(path))}{check}",
            f"then: make leaderboard SUITE={shlex.quote(suite)}{more}"]  # fmt: skip


def _short(path: Path) -> Path:
    """Return a path as it is written from here, where it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def transfer(options: argparse.Namespace) -> int:
    """Say whether the ranking of one suite's board carries over to those of others."""
    from leaderboard.entries import FOLDER
    from leaderboard.fitting import wrap
    from leaderboard.transfer import transfers

    no_overrides(options, "committed entries are of suites as they are written")
    if len(set(options.suites)) < 2 or len(set(options.suites)) < len(options.suites):
        raise UsageError(f"transfer: found {' '.join(options.suites)}; allowed: two or more different suites")
    found = transfers(options.suites, options.entries or FOLDER, options.side)
    for line in found:
        tell("\n".join(wrap(line.sentence)))
    return 0


def verify(options: argparse.Namespace) -> int:
    """Check an entry against the current plan of its suite; with --rerun also run one of its cells again."""
    from leaderboard.entries import read_entry

    no_overrides(options, "an entry is compared with its suite as it is written")
    entry = read_entry(options.entry)
    plan = _plan(entry, options.suite, options.method, options.entry)
    found = check_entry(entry, plan)
    if options.rerun is not None:
        again = _rerun(entry, plan, options)
        found.problems += again.problems
        found.notes += again.notes
    for note in found.notes:
        tell(f"note: {note}")
    for problem in found.problems:
        tell(f"{options.entry}: {problem}", sys.stderr)
    if found.problems:
        return EXIT_NOT_ACCEPTED
    seeds = sorted({seed for row in entry.rows for seed in row.seeds})
    tell(f"ok: {entry.method} on {entry.suite}: {len(entry.rows)} rows, seeds {','.join(map(str, seeds))}")
    return 0


def check_entry(entry: Entry, plan: Plan | None = None) -> Findings:
    """Return what the current plan of an entry's suite says of it.

    Args:
        entry: The entry.
        plan: The suite with the method where it can be had; default: as they are shipped.
    """
    from benchmarks.reporting.submit import expected, public
    from leaderboard.verify import verify as check

    plan = plan or _plan(entry)
    rows = _rows(entry, plan)
    groups = list(dict.fromkeys(str(RowName.of(row).group) for row in plan.rows))
    keys = {(str(RowName.of(r).group), s): k for r in rows for s, k in zip(r.seeds, r.keys, strict=True)}
    method = plan.cells[rows[0].keys[0]].cell.method if rows else None
    shipped, knobs = (method.class_name, public(dict(method.init_args))) if method else ("", None)
    held = {row.name: row.info for row in entry.rows}
    wanted = expected(plan, rows or [row for row in plan.rows if row.mitigation == "none"], held)
    found = check(entry, wanted, groups, bool(rows), keys, shipped, knobs)
    if not rows:
        found.notes.append("the suite does not know this method: its code was not looked at (see --method)")
    return found


def _plan(entry: Entry, suite: str | None = None, method: str | None = None, source: object = "the entry") -> Plan:
    """Return the plan of an entry's suite, with the method where it can be had.

    Only what is shipped or named on the command line is planned: a stranger's file must not choose code to import.
    """
    from benchmarks.reporting.submit import plan_with
    from benchmarks.study.loading import SUITES

    if suite is None and not (SUITES / f"{entry.suite}.yaml").is_file():
        known = ", ".join(sorted(path.stem for path in SUITES.glob("*.yaml")))
        raise UsageError(f"{source}: suite: found {entry.suite!r}; allowed: {known} (or --suite FILE)")
    shipped = (SUITES / "mitigations" / f"{entry.method}.yaml").is_file()
    plan = plan_with(suite or entry.suite, [method] if method else [entry.method] if shipped else [])
    if plan.suite.name != entry.suite:
        raise UsageError(f"{source}: suite: found {entry.suite!r}; allowed: {plan.suite.name!r}, as in {suite}")
    return plan


def _rows(entry: Entry, plan: Plan) -> list[PlannedRow]:
    return [row for row in plan.rows if row.mitigation == entry.method]


def _rerun(entry: Entry, plan: Plan, options: argparse.Namespace) -> Findings:
    """Run one cell again in a store of its own and compare it."""
    from benchmarks.reporting.reporter import make_reporter
    from benchmarks.running.study import run_study
    from leaderboard.verify import compare_rerun

    rows = _rows(entry, plan)
    name = options.row or (entry.rows[0].name if entry.rows else "")
    row = next((row for row in entry.rows if row.name == name), None)
    cell = next((cell for cell in row.cells if cell.seed == options.rerun), None) if row else None
    planned = next((r for r in rows if str(RowName.of(r).group) == name and options.rerun in r.seeds), None)
    if row is None or cell is None or planned is None:
        known = (
            ", ".join(f"{r.name} ({','.join(str(c.seed) for c in r.cells)})" for r in entry.rows) if rows else "none"
        )
        raise UsageError(f"--rerun: no seed {options.rerun} in {name} of this plan and entry; allowed: {known}")
    key = planned.keys[planned.seeds.index(options.rerun)]
    with tempfile.TemporaryDirectory(prefix="mmcollapse-") as folder:
        cells, reporter = plan.select([key]), make_reporter()
        outcome = run_study(plan, Path(folder), workers=options.workers, cells=cells, mirror=False, reporter=reporter)
    made = outcome.results[key]
    if made.error is not None:
        raise UsageError(f"--rerun: the cell failed in {made.error.step} {made.error.iteration}: {made.error.message}")
    found = compare_rerun(row, cell, entry.versions, made)
    if cell.key != key:
        found.notes.append("the cell that ran again has another key: method, fit or a step has changed since")
    return found

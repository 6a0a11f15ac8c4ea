"""The command `gc`: what of a store no study needs, and the room that it takes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.commands.streams import no_overrides, tell
from records.errors import UsageError


def add_collect_command(commands: Any) -> None:
    """Add the command to the parser of `benchmarks.commands.main`."""
    command = commands.add_parser("gc", help=(collect.__doc__ or " ").splitlines()[0], allow_abbrev=False)
    command.add_argument("runs", nargs="?", type=Path, default=Path("runs"), help="folder of stores and results")
    command.add_argument(
        "--suite", action="append", default=[], help="a suite whose artifacts stay, too, though it has no folder there"
    )
    command.add_argument("--delete", action="store_true", help="free it; without this nothing is removed")
    command.set_defaults(run=collect)


def collect(options: argparse.Namespace) -> int:
    """Say what in a store no study needs, and free it with --delete."""
    from benchmarks.planning.planner import make_plan
    from benchmarks.storage.garbage import find, free
    from benchmarks.storage.wanted import noted, unknown
    from leaderboard.text import counted

    no_overrides(options, "a store holds what studies need as they were run")
    root = options.runs / "store"
    if not root.is_dir():
        raise UsageError(f"{options.runs}: found no store in it; allowed: a folder of runs")
    plans = [make_plan(suite) for suite in options.suite]
    studies = noted(root)
    needed = {key for wanted in studies for key in wanted.keys} | {key for plan in plans for key in plan.steps}
    silent = unknown(root, options.runs, [plan.home(options.runs) for plan in plans])
    found = find(root, needed)
    artifacts, size = found.held
    tell(f"{root}: {counted(artifacts, 'artifact')}, {in_bytes(size)}")
    for name in [*(wanted.command for wanted in studies), *(f"{plan.suite.name} (named)" for plan in plans)][:12]:
        tell(f"needed by   {name}")
    if len(studies) + len(plans) > 12:
        tell(f"            and {len(studies) + len(plans) - 12} more")
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(found.kinds.items())) or "nothing"
    tell(f"not needed  {counted(len(found.folders), 'artifact')}: {kinds}")
    tell(f"left aside  {counted(len(found.left), 'file or folder', 'files and folders')} of writers that were killed")
    if silent:
        more = f" and {len(silent) - 1} more" if len(silent) > 1 else ""
        why = f"{silent[0]}{more}: not known what it needs; allowed: to run its command again, which computes nothing"
        why += ", to name it with --suite, or to remove the folder"
        if options.delete:
            raise UsageError(why)
        tell(f"note: {why}")
    if options.delete:
        free(root, found)
    tell(f"{in_bytes(found.size)} {'freed' if options.delete else 'to free: add --delete'}")
    return 0


def in_bytes(size: int) -> str:
    """Return a size in the unit that people would use."""
    for unit, least in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= least:
            return f"{size / least:.3g} {unit}"
    return f"{size} bytes"

"""The commands that say what there is: `suites` and `methods`, those that ship or those of a folder of yours."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.commands.streams import tell
from records.errors import UsageError
from records.place import checkout

INDENT = "    "


def add_listing_commands(commands: Any) -> None:
    """Add the two commands to the parser of `benchmarks.commands.main`."""
    for name, function in (("suites", suites), ("methods", methods)):
        command = commands.add_parser(name, help=(function.__doc__ or " ").splitlines()[0], allow_abbrev=False)
        command.add_argument("folder", nargs="?", type=Path, help="a folder of YAML files (default: those that ship)")
        command.set_defaults(run=function)


def suites(options: argparse.Namespace) -> int:
    """Say which suites there are: the question that each answers, and what it costs."""
    from benchmarks.study.about import about
    from benchmarks.study.loading import SUITES
    from leaderboard.fitting import columns, cut, wrap

    for file in _files(options, SUITES):
        said = about(file)
        name = file.stem if options.folder is None else str(file)
        tell(f"{name:26} {cut(said.cost, columns() - 27)}".rstrip())
        for line in wrap(said.question, columns() - len(INDENT)):
            tell(f"{INDENT}{line}")
    command = "make bench SUITE=NAME" if checkout() else "mmcollapse run NAME"
    tell(f"\nrun one: {command}; first what it would take: {command.replace('bench', 'plan').replace('run', 'plan')}")
    return 0


def methods(options: argparse.Namespace) -> int:
    """Say which mitigation methods there are: what each does, and on which side."""
    from benchmarks.methods.ready import make_method
    from benchmarks.reporting.declared import GROUPS, group
    from benchmarks.study.loading import SUITES
    from leaderboard.fitting import cut

    found = [make_method(str(file), file.parent) for file in _files(options, SUITES / "mitigations")]
    for name in GROUPS:
        of_group = [ready for ready in found if group(ready) == name]
        if of_group:
            tell(f"{name}:")
        for ready in of_group:
            spec = ready.spec
            side = "both" if len(spec.applies_to) > 1 else spec.applies_to[0]
            tell(cut(f"  {spec.name:22} {side:9}  {spec.summary}"))
    command = "make bench SUITE=board METHOD=NAME" if checkout() else "mmcollapse run board --method NAME"
    tell(f"\nrun one beside the standard rows: {command}\nsources and constants: docs/methods.md")
    return 0


def _files(options: argparse.Namespace, shipped: Path) -> list[Path]:
    """Return the YAML files of a folder, by name."""
    if options.overrides:
        raise UsageError(f"found {options.overrides[0]!r}; allowed: a folder")
    folder = shipped if options.folder is None else options.folder
    found = sorted(folder.glob("*.yaml"))
    if not found:
        raise UsageError(f"{folder}: found no YAML file; allowed: a folder that holds some")
    return found

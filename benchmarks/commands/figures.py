"""The command `figures`: the main figures of a suite as files for a paper, with their numbers beside them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.commands.planned import read_plan
from benchmarks.commands.streams import tell
from records.errors import UsageError


def add_figures_command(commands: Any) -> None:
    """Add the command to the parser of `benchmarks.commands.main`."""
    command = commands.add_parser(
        "figures", help=(figures.__doc__ or " ").splitlines()[0], allow_abbrev=False,
        epilog="Any further --key value overrides a key of the suite, e.g. --iterations 3 --seeds [0,1].",
    )  # fmt: skip
    command.add_argument("suite", help="a shipped suite's name, or a YAML file")
    command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of stores and results")
    command.add_argument("--method", action="append", default=[], help="a mitigation beside those of the suite")
    command.add_argument("--entries", type=Path, help="folder of entries (default: the project's)")
    command.add_argument("--draw", default="", help="methods whose trajectories are drawn, with spaces between")
    command.add_argument("--scenario", default="", help="scenarios that are drawn, with spaces between (default: all)")
    command.add_argument("--out", type=Path, help="folder of the figures (default: figures/ beside the board)")
    command.set_defaults(run=figures)


def _known(option: str, given: str, allowed: Sequence[str]) -> list[str]:
    """Return the names that an option gives."""
    wanted = given.split()
    if unknown := [name for name in wanted if name not in allowed]:
        raise UsageError(f"--{option}: found {unknown[0]!r}; allowed: {', '.join(dict.fromkeys(allowed))}"[:290])
    return wanted


def figures(options: argparse.Namespace) -> int:
    """Write the main figures of a suite as PDF and PNG, with their numbers as CSV, from entries and result files."""
    from benchmarks.reporting.boards import make_board
    from benchmarks.reporting.pages.figures import write_figures

    study = read_plan(options)
    board = make_board(study, study.results(options.runs), options.entries)
    scenarios = _known("scenario", options.scenario, [group.scenario for group in board.groups])
    if scenarios:
        board = replace(board, groups=tuple(group for group in board.groups if group.scenario in scenarios))
    wanted = _known("draw", options.draw, [line.mitigation for group in board.groups for line in group.lines])
    folder = options.out or study.home(options.runs) / "figures"
    written = write_figures(board, folder, wanted)
    if not written:
        raise UsageError(f"{study.suite.name}: found no complete row; allowed: a suite with entries or result files")
    for path in written:
        tell(f"wrote {path}")
    return 0

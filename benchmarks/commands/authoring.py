"""The subcommands of who writes a method: `new-method` writes its files, `try` asks every hook of it once."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.commands.streams import no_overrides, tell
from records.errors import HookReadError, StepError

if TYPE_CHECKING:
    from benchmarks.methods.hooks import Context
    from benchmarks.running.rehearsal import Rehearsal
    from benchmarks.steps import Step
    from benchmarks.storage.store import Record

EXIT_FAILED = 1


def add_authoring_commands(commands: Any) -> None:
    """Add the subcommands to the parser of `benchmarks.commands.main`."""
    command = commands.add_parser(
        "try", help=(try_method.__doc__ or " ").splitlines()[0], allow_abbrev=False,
        epilog="Any further --key value overrides a key of the suite, e.g. --n 16.",
    )  # fmt: skip
    command.add_argument("method", help="a method's name, its YAML file or file.py:Class")
    command.add_argument("--suite", default=None, help="a shipped suite's name, or a YAML file (default: smoke)")
    command.add_argument("--pdb", action="store_true", help="open Python's debugger where a hook fails")
    command.set_defaults(run=try_method)
    command = commands.add_parser("new-method", help=(new_method.__doc__ or " ").splitlines()[0], allow_abbrev=False)
    command.add_argument("name", help="of the method and of its two files: small letters, digits and _")
    command.add_argument("--hooks", default="curate", help="the hooks that it has, such as curate,objective")
    command.add_argument("--folder", type=Path, default=Path(), help="where the files go (default: here)")
    command.set_defaults(run=new_method)


def try_method(options: argparse.Namespace) -> int:
    """Ask every hook of a method once or twice, in this process and in seconds; nothing is kept."""
    from benchmarks.planning.needs import require_fit, require_present
    from benchmarks.running.rehearsal import SUITE, plan_rehearsal, rehearse

    begun = time.monotonic()
    tried = plan_rehearsal(options.suite or SUITE, options.overrides, options.method)
    require_fit(tried.plan)
    require_present(tried.plan)
    cell = tried.cell.cell
    tell(f"{tried.name}, N={cell.n}, T={cell.iterations}, seed {cell.seed}: {len(tried.steps)} steps, no evaluation")
    with tempfile.TemporaryDirectory(prefix="mmcollapse-") as folder:
        told = _Told(Path(folder))
        try:
            told.said |= dict.fromkeys(rehearse(tried, Path(folder), told.hear))
        except Exception as error:  # an author's code may fail in any way of its own
            return _failed(error, options.pdb)
    for remark in told.remarks(tried):
        tell(f"note: {remark}")
    tell(f"tried in {time.monotonic() - begun:.0f} s: {', '.join(tried.asked) or 'it has no hook'}")
    return 0


class _Told:
    """Prints what hooks did, and keeps what is said of all of it in the end."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.said: dict[str, None] = {}
        self.differed: dict[str, bool] = {}
        self.last: tuple[str, ...] = ()

    def hear(self, step: Step, seen: Context, record: Record) -> None:
        """Print what one hook did in one step."""
        from benchmarks.methods import account
        from benchmarks.running.rehearsal import moved
        from benchmarks.steps import Merge

        made, differs = account.returned(seen)
        if isinstance(step, Merge) and (share := moved(step, self.folder)) is not None:
            made, differs = f"{made}; it lies {share:.2%} from the trained weights", share != 0
        side = seen.facts.get("modality", "")
        own = f" (as the hook says: {_counts(seen.spent)})" if seen.spent else ""
        lines = (
            f"t={seen.iteration} {seen.hook}{f' ({side})' if side else ''}",
            f"    read      {'; '.join(account.read(seen)) or 'nothing that it has to declare'}",
            f"    returned  {made}",
            f"    consumed  {_counts(asdict(record.cost))}{own}, in {record.cost.wall_seconds:.1f} s for the step",
        )
        if (step.key, *lines) != self.last:  # a hook may be asked again in the same step
            tell("\n".join(lines))
        self.last = (step.key, *lines)
        self.said |= dict.fromkeys(account.remarks(seen))
        self.differed[seen.hook] = self.differed.get(seen.hook, False) or differs

    def remarks(self, tried: Rehearsal) -> list[str]:
        """Return what the author may not have meant."""
        same = [f"{hook} changed nothing here" for hook, differed in self.differed.items() if not differed]
        idle = [f"{hook} is asked by no step of {tried.name.group}; see --suite" for hook in tried.idle]
        return [*self.said, *same, *idle]


def _counts(spent: dict[str, Any]) -> str:
    counts = [f"{v:,} {k.replace('_', ' ')}" for k, v in spent.items() if v and not k.endswith("seconds")]
    return ", ".join(counts) or "nothing"


def _failed(error: Exception, debug: bool) -> int:
    """Print an error, with its traceback where it is no sentence of the engine's; open the debugger if asked."""
    from benchmarks.running.blame import frame_of
    from benchmarks.running.worker import explain

    if not isinstance(error, StepError | HookReadError) or error.__cause__ is not None:
        traceback.print_exception(error)
    tell(f"error: {explain(error)}", sys.stderr)
    if debug:
        import pdb

        pdb.post_mortem(frame_of(error))
    return EXIT_FAILED


def new_method(options: argparse.Namespace) -> int:
    """Write the two files of a new method, which run as they are."""
    from benchmarks.commands.new_method import write_method

    no_overrides(options, "a method's files are written once")
    code, settings = write_method(options.name, options.hooks.split(","), options.folder)
    tell(f"wrote {code} and {settings}")
    tell(f"next: mmcollapse try {settings}")
    return 0

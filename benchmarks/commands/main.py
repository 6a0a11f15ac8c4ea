"""The command line: `mmcollapse COMMAND`, or `python -m benchmarks COMMAND`; `--help` lists the commands.

Parsing, planning and tables never import torch; `run` does, in its worker processes.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.commands.authoring import add_authoring_commands
from benchmarks.commands.bases import add_bases_command
from benchmarks.commands.collect import add_collect_command
from benchmarks.commands.entries import add_entry_commands
from benchmarks.commands.executors import add_executor_arguments, chosen_executor
from benchmarks.commands.figures import add_figures_command
from benchmarks.commands.judging import add_commands
from benchmarks.commands.listing import add_listing_commands
from benchmarks.commands.measure import add_measure_command
from benchmarks.commands.planned import asked, entries_of, read_plan, read_runnable, require_rows
from benchmarks.commands.streams import in_utf8, prepare, tell
from benchmarks.commands.survey import add_survey_commands
from records.errors import StepError, UsageError, sentence
from records.files import write_text
from records.names import RowName

if TYPE_CHECKING:
    from benchmarks.planning.plan import Plan, PlannedCell

EXIT_FAILED_CELLS, EXIT_USAGE = 1, 2
#: Where pages are served: nobody else's machine reaches them.
LOOPBACK = "127.0.0.1"
#: Tracebacks that a run ends with; all are in one folder.
TRACEBACKS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code: 0 done, 1 some cells failed, 2 bad input (130: `stopping`)."""
    if arguments is None:  # a process of its own
        in_utf8()
    prepare()
    parser = make_parser()
    options, overrides = parser.parse_known_args(arguments)
    options.overrides = overrides
    try:
        code = options.run(options)
        sys.stdout.flush()  # here, not where the interpreter ends with a code of its own
        return code
    except UsageError as error:
        tell(f"error: {sentence(error)}", sys.stderr)
        return EXIT_USAGE
    except StepError as error:  # an artifact that was removed, or changed, while a run was about to read it
        tell(f"error: {sentence(error)}", sys.stderr)
        return EXIT_FAILED_CELLS
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a full disk while writing a result or the board: steps are kept, run again
        tell(f"error: {error.filename or 'output'}: {error.strerror or error}", sys.stderr)
        return EXIT_FAILED_CELLS


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; what it does not know is an override of the suite, such as `--iterations 3`."""
    parser = argparse.ArgumentParser(prog="mmcollapse", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    functions = (("run", run), ("plan", plan), ("table", table), ("tune", tune), ("mirror", mirror), ("ui", ui))
    for name, function in functions:
        command = commands.add_parser(
            name, help=(function.__doc__ or " ").splitlines()[0], allow_abbrev=False,
            epilog="Any further --key value overrides a key of the suite, e.g. --iterations 3 --seeds [0,1].",
        )  # fmt: skip
        command.add_argument("suite", help="a shipped suite's name, or a YAML file")
        command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of stores and results")
        command.add_argument(
            "--method",
            action="append",
            default=[],
            help="a mitigation, or several with spaces between: a name, a YAML file or file.py:Class",
        )
        command.set_defaults(run=function)
        if name == "tune":
            command.add_argument("--seeds", required=True, help="seeds to tune on, such as 100,101; none may be scored")
        if name in ("run", "plan"):
            command.add_argument(
                "--committed-controls", action="store_true",
                help="leave none and real to committed entries: only the cells of --method",
            )  # fmt: skip
            command.add_argument(
                "--parts", type=Path, metavar="FOLDER",
                help="leave out cells that the entries in FOLDER/SUITE have, complete or not",
            )  # fmt: skip
        if name in ("run", "tune"):
            add_executor_arguments(command)
            command.add_argument("--no-mirror", action="store_true", help="leave MLflow alone")
        if name == "plan":
            command.add_argument("--format", choices=("text", "json"), default="text")
            command.add_argument("--fetch", action="store_true", help="print the commands that fetch models, no plan")
        if name == "table":
            command.add_argument("--full", action="store_true", help="print every table, not one screen")
            command.add_argument("--sort", default=None, help="order of the rows: a column, or a metric at T")
            command.add_argument("--entries", type=Path, help="folder of entries (default: the project's)")
            command.add_argument("--boards", type=Path, help="folder of boards (default: the checkout's or runs')")
            command.add_argument("--publish", action="store_true", help="also write the page of the committed board")
            command.add_argument("--tex", type=Path, metavar="FILE", help="also write LaTeX tables")
        if name == "ui":
            command.add_argument("--port", type=int, default=5000)
    add_authoring_commands(commands)
    add_entry_commands(commands)
    add_commands(commands)
    add_listing_commands(commands)
    add_measure_command(commands)
    add_survey_commands(commands)
    add_figures_command(commands)
    add_bases_command(commands)
    add_collect_command(commands)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run what is missing of a suite, mirror it, and end with one screen of what came out."""
    study = read_runnable(options)
    return run_here(study, options, asked(study, options))


def run_here(study: Plan, options: argparse.Namespace, cells: Mapping[str, PlannedCell] | None = None) -> int:
    """Run a plan, or some of its cells, and print what came of it; return the exit code."""
    from benchmarks.planning.needs import unmet_needs
    from benchmarks.planning.plan import without_rows
    from benchmarks.reporting.outputs import try_mirror
    from benchmarks.reporting.reporter import make_reporter
    from benchmarks.running.study import run_study
    from leaderboard.text import counted

    for warning in (*unmet_needs(study), *without_rows(study)):
        tell(f"note: {warning}", sys.stderr)
    with chosen_executor(options, study.suite.execution) as executor:
        outcome = run_study(
            study, options.runs, workers=options.workers, cells=cells, mirror=False, bucket=options.bucket,
            executor=executor, reporter=make_reporter(), show=say,
        )  # fmt: skip
    alike: dict[str, list[str]] = {}
    for result in outcome.failed:
        alike.setdefault(str(result.error), []).append(f"{RowName.of(result.rows[0])}/seed={result.seed}")
    for error, (first, *others) in alike.items():
        more = f" and {counted(len(others), 'other')}" if others else ""
        tell(f"failed: {first}{more}: {error}", sys.stderr)
    for log in list(outcome.logs.values())[:TRACEBACKS]:
        tell(f"traceback: {log}", sys.stderr)
    try:
        if not options.no_mirror:
            tell(try_mirror(study, options.runs), sys.stderr)
    finally:  # also where somebody would not wait for MLflow
        say(outcome.board)
    return EXIT_FAILED_CELLS if outcome.failed else 0


def say(board: str) -> None:
    """Print a board or a screen of it; a full disk does not take it away."""
    tell(board, end="")


def plan(options: argparse.Namespace) -> int:
    """Show what a run would do, without running anything."""
    from benchmarks.planning.needs import fetch_lines
    from benchmarks.reporting.outputs import describe
    from benchmarks.reporting.plan_screen import screen
    from benchmarks.study.about import About, about

    if options.fetch:
        tell("\n".join(fetch_lines(read_plan(options))))
        return 0
    gc.disable()  # a plan is made once and lives to the end: looking for garbage in it is a fifth of its time
    try:
        whole = read_runnable(options)
        study = whole.only(asked(whole, options))
        facts = describe(study, options.runs / "store")
    finally:
        gc.enable()
    if options.format == "json":
        tell(json.dumps(facts, indent=1))
        return 0
    tell(
        screen(
            facts,
            About() if study.request.overrides else about(study.file),
            study.request.command("run", words_of(options)),
        ),
        end="",
    )
    return 0


def words_of(options: argparse.Namespace) -> list[str]:
    """Return the words that say where a plan is run, and what of it."""
    controls = ["--committed-controls"] if options.committed_controls else []
    return [*elsewhere(options), *controls, *([f"--parts={options.parts}"] if options.parts else [])]


def elsewhere(options: argparse.Namespace) -> list[str]:
    """Return the words that name the folder of runs, where it is not the usual one."""
    return [] if options.runs == Path("runs") else [f"--runs={options.runs}"]


def table(options: argparse.Namespace) -> int:
    """Write the board, of result files beside committed entries and of entries alone, and print one screen of it."""
    from benchmarks.reporting.boards import latex_text, make_board, published, write_board, write_entry_board
    from benchmarks.reporting.declared import MAKERS
    from leaderboard.overview import terminal
    from leaderboard.pages import PAGES, fill
    from leaderboard.sorting import sort_board
    from records.place import checkout

    study = read_plan(options)
    folder, results, own = study.home(options.runs), study.results(options.runs), study.own
    if own and options.entries is None:
        options.entries = entries_of(study)
    board = make_board(study, results, options.entries)
    board = sort_board(board, options.sort) if options.sort else board
    if options.full or options.sort:
        say(terminal(board))  # before it is written: a full disk does not take it away
        write_board(study, board, folder)
    else:
        say(published(study, board, folder, say))
    home = None if own else checkout()
    boards = home / "leaderboard" / "boards" if home else folder / "boards"
    for path in write_entry_board(study.suite.name, options.entries, options.boards or boards, options.publish):
        tell(f"wrote {path}", sys.stderr)
    if options.tex:
        text = latex_text(study, results, options.entries)
        write_text(options.tex, text)
        tell(f"wrote {options.tex}", sys.stderr)
    if home and options.entries is None and options.boards is None:
        for page in (home / name for name in PAGES):
            if fill(page, boards, MAKERS):
                tell(f"wrote the tables of {page}", sys.stderr)
    return 0


def tune(options: argparse.Namespace) -> int:
    """Run every value of a method's declared search space on seeds that are not scored, and print the table."""
    from benchmarks.planning.tuning import plan_tuning
    from benchmarks.study.loading import load_suite

    if len(options.method) != 1:
        raise UsageError(f"--method: found {options.method}; allowed: one method to tune")
    try:
        seeds = [int(seed) for seed in options.seeds.split(",")]
    except ValueError as error:
        raise UsageError(f"--seeds: found {options.seeds!r}; allowed: whole numbers such as 100,101") from error
    suite, _ = load_suite(options.suite, options.overrides)
    home = options.runs / f"{suite.name}_tuning" / "methods"
    study, variants = plan_tuning(options.suite, options.overrides, options.method[0], seeds, home)
    require_rows(study, [name for name in study.idle if name in variants])
    return run_here(study, options)


def mirror(options: argparse.Namespace) -> int:
    """Rebuild MLflow's copy from the result files; it can be deleted and made again."""
    from benchmarks.reporting.outputs import try_mirror

    done = try_mirror(read_plan(options), options.runs)
    tell(done, sys.stderr)
    return EXIT_FAILED_CELLS if done.startswith("note") else 0


def ui(options: argparse.Namespace) -> int:
    """Open MLflow's page on the mirrored results."""
    import subprocess

    from benchmarks.reporting.mlflow_store import shown, store_uri

    uri = store_uri(options.runs)
    if uri.startswith(("http:", "https:")):
        raise UsageError(f"MLFLOW_TRACKING_URI: found {shown(uri)}, which has a page of its own; allowed: a database")
    # An address may hold a password, and other people see the words of a command.
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_BACKEND_STORE_URI": uri}
    given = ["--host", LOOPBACK, "--port", str(options.port), "--workers", "1"]
    print(f"MLflow on http://{LOOPBACK}:{options.port} (Ctrl-C ends it)", file=sys.stderr)
    return subprocess.run([sys.executable, "-m", "mlflow", "ui", *given], env=environment, check=False).returncode

"""The commands that judge a suite's numbers: `baseline`, `check` and `claims`. Nothing here imports torch.

Only `check` without `--runs` runs anything: the suite, in an empty folder of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.commands.streams import tell
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.reporting.evidence import evidence, settings
from benchmarks.storage.store import LocalStore
from records.errors import StepError, UsageError
from records.files import write_text
from records.place import ROOT, kept

PASSED, REGRESSED, ERROR = 0, 1, 2
#: What `claims` leaves for people.
CLAIMS = (("claims", ("claims.md", "claims.json", "claims.png")),)


def add_commands(commands: Any) -> None:
    """Add the three commands to the command line's parser."""
    for name, function in (("baseline", baseline), ("check", check), ("claims", claims)):
        command = commands.add_parser(
            name, help=(function.__doc__ or " ").splitlines()[0], allow_abbrev=False,
            epilog="Any further --key value overrides a key of the suite, e.g. --seeds [5,6,7].",
        )  # fmt: skip
        command.add_argument("suite", help="a shipped suite's name, or a YAML file")
        command.set_defaults(run=function, method=[])
        if name == "claims":
            command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of stores and results")
            command.add_argument("--format", choices=("text", "markdown", "json"), default="text")
            continue
        command.add_argument(
            "--baseline",
            type=Path,
            help="the file (default: SUITE.json in leaderboard/baselines, else ./baselines; beside a suite of yours)",
        )
        if name == "baseline":
            command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of stores and results")
            continue
        command.add_argument("--runs", type=Path, help="compare this folder; default: run the suite in an empty one")
        command.add_argument("--format", choices=("text", "json", "github"), default="text")
        command.add_argument("--junit", type=Path, metavar="FILE", help="also write JUnit XML")
        command.add_argument("--workers", type=int, default=None, help="worker processes of the run")


def baseline(options: argparse.Namespace) -> int:
    """Freeze the gates of a suite from its result files."""
    from leaderboard.baseline import freeze, write
    from leaderboard.fitting import place
    from leaderboard.text import counted

    study = make_plan(options.suite, options.overrides)
    if not study.suite.gates:
        raise UsageError(f"{study.file}: gates: found none; allowed: one to six, for a baseline to hold")
    frozen = freeze(study.suite.name, study.suite.gates, evidence(study, options.runs), settings(study))
    file = options.baseline or _own(study)
    for trend in frozen.trends:
        print(f"{trend.gate.name}: {trend.mean:.4g} ± {trend.spread:.2g} over {len(trend.values)} seeds")
    write(frozen, file)
    print(f"{counted(len(frozen.trends), 'trend')} in {place(file)}")
    return PASSED


def check(options: argparse.Namespace) -> int:
    """Run a suite in an empty store and hold its trends against the baseline: 0 passed, 1 regression, 2 error."""
    try:
        return _check(options)
    except BrokenPipeError:
        raise
    except (OSError, StepError) as error:  # a full disk, a folder that cannot be written: no trend has regressed
        where = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        raise UsageError(f"check {options.suite}: {where}") from error


def _check(options: argparse.Namespace) -> int:
    from leaderboard import gate_report

    try:
        report = _checked(options)
    except UsageError as error:
        if options.junit is not None:
            write_text(options.junit, gate_report.junit_error(options.suite, str(error)))
        if options.format == "github":
            print(gate_report.annotation("error", f"check {options.suite}", str(error)))
        raise
    print(gate_report.RENDERERS[options.format](report), end="", flush=True)
    if options.junit is not None:
        write_text(options.junit, gate_report.junit(report))
    return REGRESSED if report.bad else PASSED


def _checked(options: argparse.Namespace) -> Any:
    from leaderboard import gate
    from leaderboard.baseline import read

    study = make_plan(options.suite, options.overrides)
    frozen = read(options.baseline or _baseline(study))
    if frozen.suite != study.suite.name:
        raise UsageError(f"{options.baseline}: baseline of suite {frozen.suite!r}; allowed: of {study.suite.name!r}")
    gate.matched(study.suite.gates, frozen, {})  # before anything runs
    with contextlib.ExitStack() as stack:
        runs = options.runs
        if runs is None:
            runs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmcollapse-check-")))
            _run(study, runs, options.workers)
        computed = LocalStore.listing(runs / "store") | LocalStore.listing(runs / "store", "dropped.json")
        steps = sum(key in computed for key in study.steps)
        return gate.check(study.suite.gates, frozen, evidence(study, runs), settings(study), steps)


def _own(study: Plan) -> Path:
    """Return the file of a suite's baseline: of the checkout, or else here; beside the file of a suite of one's own."""
    folder = study.file.parent / "baselines" if study.own else kept("baselines")
    return folder / f"{study.suite.name}.json"


def _baseline(study: Plan) -> Path:
    """Return the file of a suite's baseline: your own, or else the one that ships."""
    own = _own(study)
    shipped = ROOT / "leaderboard" / "baselines" / own.name
    return shipped if shipped.is_file() and not own.is_file() else own


def _run(study: Plan, runs: Path, workers: int | None) -> None:
    """Run a whole plan; failed cells are the check's to judge."""
    from benchmarks.reporting.reporter import make_reporter
    from benchmarks.running.study import run_study

    run_study(study, runs, workers=workers, mirror=False, reporter=make_reporter())


def claims(options: argparse.Namespace) -> int:
    """Test the claims of a suite, on its result files or else its committed entries; undecided is an answer."""
    from benchmarks.reporting.boards import claims_evidence, written
    from benchmarks.reporting.pages.scatters import claims_figure
    from leaderboard.claims.family import judge_all, load_claims
    from leaderboard.claims.report import json_text, markdown
    from leaderboard.claims.screen import screen

    study = make_plan(options.suite, options.overrides)
    kinds = load_claims(study.suite.claims, study.file)
    if not kinds:
        raise UsageError(f"{study.file}: claims: found none; allowed: one or more, for a table to show")
    folder = study.home(options.runs)
    known, source = claims_evidence(study, study.results(options.runs), committed=not options.overrides)
    family = judge_all(study.suite.name, kinds, known)
    printed = {"markdown": markdown, "json": json_text}.get(options.format)
    if printed:
        tell(printed(family), end="")  # before it is written: a full disk does not take it away
    write_text(folder / "claims.md", markdown(family))
    write_text(folder / "claims.json", json_text(family))
    if drawn := claims_figure(family.verdicts, [kind for _, kind in kinds], known):
        drawn.picture(folder)
    if not printed:
        tell(screen(family, source, folder, written(folder, CLAIMS)), end="")
    return PASSED

"""The commands about people's judgement: `survey` writes a page to vote on, `survey-results` says what votes say."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.commands.planned import read_plan
from benchmarks.commands.streams import no_overrides, tell
from records.errors import UsageError
from records.files import write_text
from records.place import checkout

if TYPE_CHECKING:
    from benchmarks.planning.plan import Plan

EXIT_REFUSED = 1


def add_survey_commands(commands: Any) -> None:
    """Add the two commands to the parser of `benchmarks.commands.main`."""
    command = commands.add_parser(
        "survey", help=(survey.__doc__ or " ").splitlines()[0], allow_abbrev=False,
        epilog="Any further --key value overrides a key of the suite, as it did when the suite ran.",
    )  # fmt: skip
    command.add_argument("suite", help="a shipped suite's name, or a YAML file; it has run, and kept its samples")
    command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of stores and results")
    command.add_argument("--method", action="append", default=[], help="methods beside those of the suite, as in `run`")
    command.add_argument(
        "--rows", nargs="+", default=[], metavar="PATTERN", help="rows such as 'joint_finetune/*/none'"
    )
    command.add_argument(
        "--of", choices=("samples", "sets"), default="samples", help="what models make, or learned from"
    )
    command.add_argument("--at", default="", metavar="T,T", help="iterations (default: first and last; of sets 1)")
    command.add_argument("--questions", type=int, default=40, help="pairs that a rater is asked about (default 40)")
    command.add_argument("--sheets", type=int, default=1, help="different sets of questions, one a rater (default 1)")
    command.add_argument("--checks", type=int, default=8, help="questions with a known answer (default 8)")
    command.add_argument("--seed", type=int, default=0, help="of what is asked")
    command.set_defaults(run=survey)
    command = commands.add_parser(
        "survey-results", help=(survey_results.__doc__ or " ").splitlines()[0], allow_abbrev=False
    )
    command.add_argument("votes", type=Path, help="the folder of the files that raters saved")
    command.add_argument("--key", type=Path, help="the survey's key.json (default: beside the folder of votes)")
    command.set_defaults(run=survey_results)


def survey(options: argparse.Namespace) -> int:
    """Write a page of blind pairs for people to vote on, of what a suite's run kept, and its key."""
    from benchmarks.storage.store import LocalStore
    from benchmarks.survey.design import FASTEST, FEWEST_CHECKS, design, needed
    from benchmarks.survey.documents import KEY, PAGE, Key
    from benchmarks.survey.entrants import entrants, gather
    from benchmarks.survey.page import BUDGET, make_page

    for name, least in (("questions", 1), ("sheets", 1), ("checks", FEWEST_CHECKS)):
        if getattr(options, name) < least:
            raise UsageError(f"--{name}: found {getattr(options, name)}; allowed: {least} or more")
    plan = read_plan(options)
    entered = entrants(plan, options.of, _iterations(options.at), options.rows)
    store = LocalStore(options.runs / "store")
    sides = dict.fromkeys(e.about.side for e in entered)
    materials = [gather(plan, store, side, entered, options.of) for side in sides]
    made = design(materials, options.questions, options.sheets, options.checks, options.seed)
    page = make_page(made, options.seed)
    folder = plan.home(options.runs) / "survey" / page.survey[:8]
    key = Key(
        plan.suite.name, options.of, page.survey, tuple(e.about for e in entered), page.questions,
        {pair: len(items) for pair, items in made.same.items() if items}, needed(options.checks), FASTEST,
        _claims(plan),
    )  # fmt: skip
    write_text(folder / KEY, key.to_json())
    write_text(folder / PAGE, page.text)
    (folder / "votes").mkdir(exist_ok=True)
    asked = options.questions + options.checks
    tell(_written(key, folder, asked, options.sheets, len(page.text.encode()), BUDGET), end="")
    return 0


def _written(key: Any, folder: Path, asked: int, sheets: int, size: int, budget: int) -> str:
    """Return the screen that `survey` ends with: who is compared, and what to do with the files."""
    from leaderboard.fitting import files, listed, wrap
    from leaderboard.preferences import RATERS_TO_DECIDE
    from leaderboard.text import counted

    more = f" of {sheets} sheets" if sheets > 1 else ""
    names = [f"{side}: {listed([c.name for c in key.contestants if c.side == side], 12)}" for side in key.sides]
    near = Path(os.path.relpath(folder))
    verb = "make survey-results VOTES=" if checkout() == Path.cwd() else "mmcollapse survey-results "
    lines = [
        *wrap(f"{key.suite}: a survey of {counted(asked, 'pair')} a rater{more}, about {asked // 7} minutes"),
        "", *(line for name in names for line in wrap(name)), "",
        *wrap(f"1. Give survey.html to {RATERS_TO_DECIDE} people or more: one file for any browser, "
              f"{size / 1e6:.1f} MB of at most {budget / 1e6:.0f}, which sends nothing. Keep key.json to yourself."),
        "2. Put the files that they save into votes/.", "3. Run", f"  {verb}{shlex.quote(str(near / 'votes'))}", "",
        *wrap(f"Counted is who has {key.needed} of {len(key.checks)} checks right: a coin does in fewer than 1 of 20."),
        "", *files(folder, (("page", "survey.html"), ("key", "key.json"), ("votes", "votes/"))),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def survey_results(options: argparse.Namespace) -> int:
    """Say what people's votes say: who is preferred, how sure that is, and which metrics go along with people."""
    from benchmarks.survey.documents import KEY, read_key
    from benchmarks.survey.export import claim_votes, document, table
    from benchmarks.survey.report import page, screen
    from benchmarks.survey.tally import read_ballots, tally
    from records.codec import plain_text
    from records.results import read_results

    no_overrides(options, "votes are on a survey as it was written")
    places = [options.key] if options.key else [options.votes / KEY, options.votes.absolute().parent / KEY]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise UsageError(f"{options.votes}: found no {KEY} in it or beside it; allowed: --key FILE")
    key = read_key(file)
    ballots, refused = read_ballots(options.votes, key)
    for why in refused:
        tell(f"refused: {why}", sys.stderr)
    if not ballots:
        raise UsageError(f"{options.votes}: all {len(refused)} files were refused; allowed: files that raters saved")
    folder = file.parent
    found = tally(key, ballots, refused, read_results(folder.absolute().parents[1] / "results"))
    tell(screen(found, folder), end="")  # before it is written: a full disk does not take it away
    write_text(folder / "survey.md", page(found))
    write_text(folder / "survey.json", plain_text(document(found)))
    write_text(folder / "survey.csv", table(found))
    for scenario, votes in claim_votes(found).items():
        path = write_text(folder / f"{scenario}_votes.json", plain_text(votes))
        tell(f"for the suite's claim: copy {path} beside its file as {key.claims[scenario]}", sys.stderr)
    return EXIT_REFUSED if refused else 0


def _iterations(text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",")] if text else []
    except ValueError:
        found = [-1]
    if any(t < 0 for t in found):
        raise UsageError(f"--at: found {text!r}; allowed: iterations such as 0,5")
    return found


def _claims(plan: Plan) -> dict[str, str]:
    """Return scenario -> the file that a claim on it reads people's votes from."""
    given = [claim.init_args for claim in plan.suite.claims if claim.init_args.get("quality") == "votes"]
    return {str(arguments["scenario"]): str(arguments["votes"]) for arguments in given}

"""From a folder of votes files to what they say: who is counted, what people prefer, and which metrics go along."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.survey.design import FEWEST_CHECKS, needed
from benchmarks.survey.documents import Ballot, Contestant, Key, Of, median_seconds, read_ballot
from leaderboard.agreement import Agreement, agreement
from leaderboard.people import Along, along
from leaderboard.preferences import Ranking, Votes, rank
from records.errors import UsageError, sentence
from records.names import MetricName, Modality
from records.results import CellResult


@dataclass(frozen=True)
class Rater:
    """One person.

    Attributes:
        name: The first digits of the name made at random.
        answers: How many, checks included.
        checks: How many checks were answered.
        right: How many of those as they should be.
        left: Share of answers, ties apart, that chose the left or upper option.
        seconds: Median of an answer.
        out: Why the votes do not count; "" where they do.
    """

    name: str
    answers: int
    checks: int
    right: int
    left: float | None
    seconds: float
    out: str


@dataclass(frozen=True)
class Side:
    """What people say of one side's outputs.

    Attributes:
        side: Whose outputs.
        contestants: Who was compared.
        votes: How many count.
        ties: How many of them.
        ranking: Strengths, in the order of the contestants; None where there is a reason.
        reason: Why there is no ranking; "" where there is one.
        agreement: Of the raters.
        along: Metrics beside people; empty where there are too few contestants with result files.
    """

    side: Modality
    contestants: tuple[Contestant, ...]
    votes: int
    ties: int
    ranking: Ranking | None
    reason: str
    agreement: Agreement
    along: tuple[Along, ...]

    @property
    def names(self) -> list[str]:
        """Of the contestants."""
        return [contestant.name for contestant in self.contestants]


@dataclass(frozen=True)
class Tally:
    """All that is said of a survey's votes."""

    key: Key
    raters: tuple[Rater, ...]
    refused: tuple[str, ...]
    sides: tuple[Side, ...]

    @property
    def counted(self) -> list[Rater]:
        """Those whose votes count."""
        return [rater for rater in self.raters if not rater.out]

    @property
    def left_out(self) -> list[Rater]:
        """Those whose votes do not."""
        return [rater for rater in self.raters if rater.out]


def read_ballots(folder: Path, key: Key) -> tuple[list[Ballot], list[str]]:
    """Return the votes files of a folder, one a rater, and one sentence for each that is refused.

    Of several files of one rater the one with most answers counts, the others are refused, as are copies under another
    name.

    Raises:
        UsageError: There is no file.
    """
    files = sorted(path for path in folder.glob("*.json") if path.name != "key.json") if folder.is_dir() else []
    if not files:
        raise UsageError(f"{folder}: found no votes; allowed: a folder with the .json files that raters saved")
    read: list[tuple[Path, Ballot]] = []
    refused = []
    for path in files:
        try:
            read.append((path, read_ballot(path, key)))
        except UsageError as error:
            refused.append(sentence(error))
    kept: list[Ballot] = []
    names: dict[object, Path] = {}
    for path, ballot in sorted(read, key=lambda pair: (-len(pair[1].votes), pair[0].name)):
        timed = tuple(sorted((vote.question, vote.answer, vote.seconds) for vote in ballot.votes))
        twin, copied = names.get(ballot.rater), names.get(timed)
        names.setdefault(ballot.rater, path)
        names.setdefault(timed, path)
        if twin or copied:
            what = (
                f"rater {ballot.rater[:8]} of {twin.name} again"
                if twin
                else f"the very votes of {(copied or path).name}"
            )
            refused.append(sentence(UsageError(f"{path}: found {what}; allowed: one file a rater")))
            continue
        kept.append(ballot)
    return sorted(kept, key=lambda ballot: ballot.rater), refused


def judged(ballot: Ballot, key: Key) -> Rater:
    """Say whether a rater's votes count, by the rule that the key holds."""
    checks = [vote for vote in ballot.votes if key.questions[vote.question].right]
    right = sum(vote.chosen == key.questions[vote.question].right for vote in checks)
    sides = [vote.answer == "left" for vote in ballot.votes if vote.answer != "tie"]
    every = len(checks) == len(key.checks)
    wanted = key.needed if every else needed(len(checks))
    few = len(checks) < min(FEWEST_CHECKS, len(key.checks))
    out = (
        f"answered {len(checks)} checks; {min(FEWEST_CHECKS, len(key.checks))} are needed" if few
        else f"{right} of {len(checks)} checks right; {wanted} are needed" if right < wanted
        else ""
    )  # fmt: skip
    left = float(np.mean(sides)) if sides else None
    return Rater(ballot.rater[:8], len(ballot.votes), len(checks), right, left, median_seconds(ballot), out)


def tally(key: Key, ballots: Sequence[Ballot], refused: Iterable[str], results: dict[str, CellResult]) -> Tally:
    """Count votes.

    Args:
        key: Of the survey.
        ballots: One a rater.
        refused: What was refused, and why.
        results: Result files by cell key, where metrics are read from.
    """
    raters = [judged(ballot, key) for ballot in ballots]
    counted = [ballot for ballot, rater in zip(ballots, raters, strict=True) if not rater.out]
    sides = tuple(_side(key, side, counted, results) for side in key.sides)
    return Tally(key, tuple(raters), tuple(refused), sides)


def votes_on(key: Key, side: Modality, ballots: Sequence[Ballot]) -> Votes:
    """Return the votes on one side's questions, checks apart; contestants in the order of the key."""
    index = {c.name: i for i, c in enumerate(c for c in key.contestants if c.side == side)}
    number = {name: i for i, name in enumerate(key.questions)}
    rows = []
    for rater, ballot in enumerate(ballots):
        for vote in ballot.votes:
            question = key.questions[vote.question]
            if question.side == side and not question.right:
                first, second = question.options
                won = {first: 1.0, second: 0.0, "": 0.5}[vote.chosen]
                one, two = (index[question.options[option]] for option in (first, second))
                rows.append((rater, number[vote.question], one, two, won))
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    whole = table[:, :4].astype(np.int64)
    return Votes(whole[:, 0], whole[:, 1], whole[:, 2], whole[:, 3], table[:, 4])


def _side(key: Key, side: Modality, ballots: Sequence[Ballot], results: dict[str, CellResult]) -> Side:
    contestants = tuple(c for c in key.contestants if c.side == side)
    votes = votes_on(key, side, ballots)
    ranking, reason = None, ""
    try:
        ranking = rank(votes, len(contestants))
    except ValueError as error:
        reason = str(error)
    ties = int((votes.won == 0.5).sum())
    found: list[Along] = []
    if ranking is not None:
        strengths = {c.name: float(s) for c, s in zip(contestants, ranking.strength, strict=True)}
        found = along(strengths, *metrics(contestants, side, key.of, results))
    return Side(side, contestants, len(votes), ties, ranking, reason, agreement(votes), tuple(found))


def metrics(
    contestants: Iterable[Contestant], side: Modality, of: Of, results: dict[str, CellResult]
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Return metric -> contestant -> its mean over seeds, and metric -> direction, of what people looked at."""
    values: dict[str, dict[str, float]] = {}
    directions: dict[str, str] = {}
    for contestant in contestants:
        cells = [results[key] for key in contestant.cells if key in results]
        if not cells or len(cells) < len(contestant.cells):
            continue
        for metric, about in cells[0].info.items():
            found = [cell.value(metric, contestant.iteration) for cell in cells]
            numbers = [value for value in found if value is not None and np.isfinite(value)]
            looked_at = "set" if of == "sets" or not cells[0].trains else side  # what a chain makes are sets
            if MetricName.parse(metric).side == looked_at and len(numbers) == len(cells):
                values.setdefault(metric, {})[contestant.name] = float(np.mean(numbers))
                directions[metric] = about.direction
    return values, directions

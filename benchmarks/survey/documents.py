"""The two documents of a survey: the key, which stays with who asks, and a ballot, which comes back from a rater.

The key says which option of which question is whose; the page does not. A ballot comes from a stranger and is read
strictly, as an entry is: a size limit, no unknown or repeated field, names in hexadecimal digits alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from records.codec import CodecError, decode_text, document_text
from records.errors import UsageError, brief
from records.names import MODALITIES, Modality, plain_name

SCHEMA = 1
KEY = "key.json"
PAGE = "survey.html"
#: A key holds every question, a ballot one line an answer.
MOST_KEY_BYTES, MOST_BALLOT_BYTES = 50_000_000, 2_000_000
HEX = re.compile(r"[0-9a-f]{8,64}")

#: What is compared: outputs of models on the evaluation split, or the sets that they were trained on.
Of = Literal["samples", "sets"]
Answer = Literal["left", "right", "tie"]


@dataclass(frozen=True)
class Contestant:
    """Who is compared.

    Attributes:
        name: What people call it.
        side: Whose outputs it has: of a captioner or of a generator.
        row: `scenario/variant/mitigation`, the first of the rows that it is of; "" for what people made.
        iteration: Of the loop; 0 = before any fit.
        cells: Keys of the result files that hold its metrics, one a seed.
    """

    name: str
    side: Modality
    row: str
    iteration: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """What one option of a question is, and what the other one is.

    Attributes:
        side: Whose outputs are compared.
        item: Of the data set's split.
        options: Option -> its contestant; of a check, "right" and "wrong".
        right: The option that is known to be right, of a check; "" where people are asked what they think.
    """

    side: Modality
    item: int
    options: dict[str, str]
    right: str = ""


@dataclass(frozen=True)
class Key:
    """What a survey is.

    Attributes:
        suite: Its name.
        of: What was compared.
        survey: Digest of the page's questions.
        contestants: Who was compared.
        questions: Id -> question.
        same: "one / other" -> how often a pair was not asked about since both outputs were the same.
        needed: Checks that an attentive rater has right, of all.
        fastest: Seconds; whose median answer is faster has not looked.
        claims: Scenario -> file that a claim of the suite reads people's votes on its sets from.
    """

    suite: str
    of: Of
    survey: str
    contestants: tuple[Contestant, ...]
    questions: dict[str, Question]
    same: dict[str, int]
    needed: int
    fastest: float
    claims: dict[str, str]

    @property
    def sides(self) -> tuple[Modality, ...]:
        """The sides that are asked about, in the order of the board."""
        return tuple(side for side in MODALITIES if any(c.side == side for c in self.contestants))

    @property
    def checks(self) -> tuple[str, ...]:
        """Ids of the questions whose answer is known."""
        return tuple(name for name, question in self.questions.items() if question.right)

    def to_json(self) -> str:
        """Return the text of the file."""
        return document_text(SCHEMA, Key, self)


@dataclass(frozen=True)
class Vote:
    """One answer.

    Attributes:
        question: Its id.
        left: The option that stood to the left, or above.
        right: The other one.
        answer: Which one was chosen.
        seconds: How long the question was looked at.
    """

    question: str
    left: str
    right: str
    answer: Answer
    seconds: float

    @property
    def chosen(self) -> str:
        """The option that was chosen; "" for a tie."""
        return {"left": self.left, "right": self.right}.get(self.answer, "")


@dataclass(frozen=True)
class Ballot:
    """All answers of one rater, who has a name made at random."""

    survey: str
    rater: str
    votes: tuple[Vote, ...]


def read_key(path: Path) -> Key:
    """Read a key.

    Raises:
        UsageError: One sentence that names the file and the first problem.
    """
    text = _text(path, MOST_KEY_BYTES)
    try:
        key = decode_text(Key, text, SCHEMA, {})
        plain_name(key.suite, "suite")
        for contestant in key.contestants:
            for part in contestant.row.split("/") if contestant.row else ():
                plain_name(part, "contestants.row")
        sides = {c.name: c.side for c in key.contestants}
        for name, question in key.questions.items():
            whose = question.options.values()
            known = question.right in question.options if question.right else set(whose) <= sides.keys()
            if len(question.options) != 2 or not known:
                raise CodecError(f"question {brief(name)!r} has other options than two of its contestants")
    except ValueError as error:
        raise UsageError(f"{path}: {error}; allowed: the {KEY} that was written beside the page") from None
    return key


def read_ballot(path: Path, key: Key) -> Ballot:
    """Read a votes file of a survey.

    Raises:
        UsageError: One sentence that names the file, what was found and what is allowed.
    """
    text = _text(path, MOST_BALLOT_BYTES)
    try:
        ballot = decode_text(Ballot, text, SCHEMA, {})
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}: not valid JSON, {error}; allowed: a file that the page saved") from None
    except RecursionError:
        raise UsageError(f"{path}: nested too deeply; allowed: a file that the page saved") from None
    except ValueError as error:
        raise UsageError(f"{path}: {error}; allowed: a file that the page saved") from None
    if ballot.survey != key.survey:
        raise UsageError(
            f"{path}: survey: found {brief(ballot.survey, 20)!r}; allowed: {key.survey!r}, whose key it is"
        )
    if not HEX.fullmatch(ballot.rater):
        raise UsageError(f"{path}: rater: found {brief(ballot.rater, 40)!r}; allowed: 8 to 64 hexadecimal digits")
    _check_votes(path, ballot, key.questions)
    pace = median_seconds(ballot)
    if pace < key.fastest:
        raise UsageError(
            f"{path}: half of the answers took less than {pace:.2g} s; allowed: a median of {key.fastest:g} s or more"
        )
    return ballot


def median_seconds(ballot: Ballot) -> float:
    """Return the median time an answer, of one vote or more."""
    seconds = sorted(vote.seconds for vote in ballot.votes)
    return (seconds[(len(seconds) - 1) // 2] + seconds[len(seconds) // 2]) / 2


def _check_votes(path: Path, ballot: Ballot, questions: Mapping[str, Question]) -> None:
    seen: set[str] = set()
    for i, vote in enumerate(ballot.votes):
        where = f"{path}: votes[{i}]"
        if vote.question not in questions:
            raise UsageError(f"{where}: question: found {brief(vote.question, 40)!r}; allowed: one of this survey")
        if {vote.left, vote.right} != questions[vote.question].options.keys():
            found = f"{brief(vote.left, 20)!r} and {brief(vote.right, 20)!r}"
            raise UsageError(f"{where}: found options {found}; allowed: the two of question {vote.question}")
        if vote.question in seen:
            raise UsageError(f"{where}: question {vote.question} is answered twice; allowed: once")
        if not 0 <= vote.seconds <= 604_800:
            raise UsageError(f"{where}: seconds: found {vote.seconds:g}; allowed: 0 to a week")
        seen.add(vote.question)
    if not seen:
        raise UsageError(f"{path}: votes: found none; allowed: one or more")


def _text(path: Path, most: int) -> str:
    try:
        if not path.is_file():
            raise UsageError(f"{path}: found no file; allowed: a file")
        if path.stat().st_size > most:
            raise UsageError(f"{path}: {path.stat().st_size:,} bytes; allowed: at most {most:,}")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: found bytes that are no UTF-8; allowed: text") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); allowed: a file of yours") from None

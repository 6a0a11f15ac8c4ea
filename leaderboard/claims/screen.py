"""The claims of a suite on one screen: how many hold, which, and what the others would take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from scipy import stats

from leaderboard.claims.family import ClaimFamily, Verdict, Word
from leaderboard.claims.finding import SEEDS_TO_DECIDE, Part
from leaderboard.fitting import LINES, cut, files, fitted, listed, wrap
from leaderboard.grain import ROUNDING
from leaderboard.power import detectable_effect
from leaderboard.statistics import LEVEL
from leaderboard.text import aligned, counted

WORDS: tuple[Word, ...] = ("supported", "contradicted", "negligible", "undecided")
HEAD = ("claim", "verdict", "effect [95 %]", "margin", "p (Holm)", "n", "needs")
NAME = 30  # most characters of a claim's name in the table
#: More seeds than these are no plan.
MOST_SEEDS = 100
NOTE = (
    "Effects are paired over seeds; positive is worse, but for changes and correlations. needs: seeds that see "
    "the sign, or that it is within the margin, 4 times in 5, if effect and spread are as estimated (one test at 5 %). "
    "n: seeds, or variants of a set."
)


def screen(family: ClaimFamily, source: str, folder: Path, written: Sequence[tuple[str, str]]) -> str:
    """Return the screen, at most `LINES` lines of `WIDTH` columns.

    Args:
        family: The verdicts.
        source: What they rest on, such as "result files in runs/board".
        folder: Where everything was written.
        written: (what it is, which files below the folder).
    """
    verdicts = sorted(family.verdicts, key=lambda verdict: WORDS.index(verdict.word))
    head = [*wrap(f"{family.suite}: {summary(family)}; {source}"), "", *words(verdicts)]
    tail = ["", *wrap(NOTE), "", *files(folder, written)]
    names, rule, *rows = map(cut, aligned([_row(verdict) for verdict in verdicts], HEAD))
    body = fitted(rows, LINES - len(head) - len(tail) - 3, "claim", "claims.md")
    return "\n".join([*head, "", names, rule, *body, *tail]) + "\n"


def summary(family: ClaimFamily) -> str:
    """Return how many claims there are, and how many of each verdict."""
    counts = [(word, sum(verdict.word == word for verdict in family.verdicts)) for word in WORDS]
    told = ", ".join(f"{count} {word}" for word, count in counts if count)
    return f"{counted(len(family.verdicts), 'claim')}, {told}"


def words(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the sentences: which claims have which verdict, and why the undecided ones are that."""
    said = []
    for word in WORDS[:3]:
        if names := [verdict.claim.name for verdict in verdicts if verdict.word == word]:
            said += wrap(f"{word.capitalize()}: {listed(names, 6)}.")
    reasons: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.word == "undecided":
            reasons.setdefault(_reason(verdict), []).append(verdict.claim.name)
    if not reasons:
        return said
    parts = [f"{listed(names, 3)} ({reason})" for reason, names in list(reasons.items())[:3]]
    left = sum(len(names) for names in list(reasons.values())[3:])
    return [*said, *wrap(f"Undecided: {'; '.join(parts)}{f'; and {left} more' if left else ''}.")]


def _reason(verdict: Verdict) -> str:
    """Return why a claim is undecided, without what differs from claim to claim of the same reason."""
    if not verdict.finding.reason:
        return "neither sign nor smallness is clear"
    text = verdict.reason.rpartition(": ")[2]
    return text if len(text) < 60 else "see claims.md"


def _row(verdict: Verdict) -> list[str]:
    parts = verdict.finding.parts
    if not parts:
        return [cut(verdict.claim.name, NAME), verdict.word, "", "", "", "", ""]
    first = max(parts, key=lambda part: part.p_support)  # the part that the claim hangs on
    more = f" (part of {len(parts)})" if len(parts) > 1 else ""
    interval = f" [{_short(first.low)}, {_short(first.high)}]" if math.isfinite(first.low) else ""
    margin = "" if first.margin is None else f"{first.margin:.2g}"
    p = "" if verdict.finding.reason else f"{verdict.p_value:.2g}"
    needed = _needed(parts) if verdict.word == "undecided" else ""
    effect = f"{_short(first.effect)}{interval}{more}"
    return [cut(verdict.claim.name, NAME), verdict.word, effect, margin, p, str(first.n), needed]


def _short(value: float) -> str:
    """Return two digits of a number; what is left of rounding is 0."""
    return f"{0.0 if abs(value) < ROUNDING else value:.2g}"


def _needed(parts: Sequence[Part]) -> str:
    """Return how many seeds would decide a claim of one part; "" where seeds alone do not tell."""
    if len(parts) > 1 or parts[0].unit != "seeds":
        return ""
    found = seeds_needed(parts[0])
    return "" if found is None else f"> {MOST_SEEDS}" if found > MOST_SEEDS else str(found)


def seeds_needed(part: Part) -> int | None:
    """Return how many seeds would tell the sign of an effect, or that it lies within its margin, in 80 % of studies.

    Effect and spread are taken as they were estimated, the test as one alone at 5 %, both of which flatter: it is what
    to begin a plan with. More than `MOST_SEEDS` are not counted further; None where there is no spread to go by.
    """
    if part.n < 2 or not math.isfinite(part.low):
        return None
    sd = (part.high - part.low) / 2 * part.n**0.5 / float(stats.t.ppf((1 + LEVEL) / 2, part.n - 1))
    far = max(abs(part.effect), (part.margin or 0.0) - abs(part.effect))
    if sd <= 0:
        return None
    return next((n for n in range(SEEDS_TO_DECIDE, MOST_SEEDS + 1) if sd * detectable_effect(n) <= far), MOST_SEEDS + 1)

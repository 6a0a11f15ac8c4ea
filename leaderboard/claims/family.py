"""All claims of a suite, tested in families: five findings at 5 % each would make false ones likely.

A claim belongs to the primary family, or to a secondary one that it names; each has a correction of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, Literal

from leaderboard.claims.finding import Finding, Undecided
from leaderboard.grain import below
from leaderboard.series import Evidence
from leaderboard.statistics import holm
from records.errors import UsageError, naming
from records.findings import ClaimSpec
from records.sources import import_class
from records.typed import typed

#: Chance, among all claims of a family, of any false sign, and of calling any effect negligible that is as large as its
#: margin.
FAMILY_LEVEL = 0.05

Word = Literal["supported", "contradicted", "negligible", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """What the results say of a claim.

    Attributes:
        claim: The claim as the suite states it.
        word: Supported, contradicted, negligible or undecided.
        finding: Effects, intervals and p values.
        p_value: Two-sided, Holm-adjusted over its family.
        reason: Why it is undecided, or that a negligible effect has a clear sign; "" where there is nothing to add.
    """

    claim: ClaimSpec
    word: Word
    finding: Finding
    p_value: float
    reason: str


@dataclass(frozen=True)
class ClaimFamily:
    """The verdicts of one suite, and the level that those of each family hold at together."""

    suite: str
    level: float
    verdicts: tuple[Verdict, ...]


def load_claims(specs: Sequence[ClaimSpec], file: Path) -> list[tuple[ClaimSpec, Any]]:
    """Return each claim with its kind, made and checked.

    Raises:
        UsageError: A class is no kind of claim, or a field is wrong; names the suite, the claim and the field.
    """
    found = []
    for spec in specs:
        where = f"{file}: claims: {spec.name}"
        with naming(where):
            kind = import_class(spec.class_path)
        if not (is_dataclass(kind) and isinstance(kind, type) and hasattr(kind, "judge")):
            raise UsageError(f"{where}: class_path {spec.class_path!r} is no dataclass with a method judge(evidence)")
        found.append((spec, typed(kind, spec.init_args, Path(where))))
    return found


def judge_all(
    suite: str, claims: Sequence[tuple[ClaimSpec, Any]], evidence: Evidence, level: float = FAMILY_LEVEL
) -> ClaimFamily:
    """Test every claim; the chance of any false sign among those of a family is at most ``level``.

    So is that of calling any effect negligible which is as large as its margin: both p values are Holm's. Claims that
    cannot be tested stay in their family with p = 1, so that no verdict depends on what is missing.
    """
    findings = [_finding(kind, evidence) for _, kind in claims]
    sign: dict[int, float] = {}
    size: dict[int, float] = {}
    for family in {spec.family for spec, _ in claims}:
        members = [i for i, (spec, _) in enumerate(claims) if spec.family == family]
        sign.update(zip(members, holm([findings[i].p_value for i in members]), strict=True))
        size.update(zip(members, holm([findings[i].p_negligible for i in members]), strict=True))
    verdicts = [_verdict(spec, findings[i], sign[i], size[i], level) for i, (spec, _) in enumerate(claims)]
    return ClaimFamily(suite, level, tuple(verdicts))


def _finding(kind: Any, evidence: Evidence) -> Finding:
    try:
        return kind.judge(evidence)
    except Undecided as reason:
        return Finding((), str(reason))


def _verdict(claim: ClaimSpec, finding: Finding, p: float, p_negligible: float, level: float) -> Verdict:
    if finding.reason:
        return Verdict(claim, "undecided", finding, p, finding.reason)
    if below(p_negligible, level):  # before the sign: what is small enough stays small
        clear = f"its sign is clear all the same (p = {p:.2g})" if below(p, level) else ""
        return Verdict(claim, "negligible", finding, p, clear)
    if finding.no_sign:
        return Verdict(claim, "undecided", finding, p, finding.no_sign)
    if not below(p, level):
        return Verdict(claim, "undecided", finding, p, f"not significant after Holm over its family (p = {p:.2g})")
    word: Word = "supported" if finding.p_support < finding.p_contra else "contradicted"
    return Verdict(claim, word, finding, p, "")

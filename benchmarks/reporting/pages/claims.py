"""Claims as a page shows them: verdict, and each part's effect with its interval and margin on a strip."""

from __future__ import annotations

import math
from dataclasses import dataclass

from leaderboard.claims.family import ClaimFamily, Verdict
from leaderboard.claims.finding import Part
from leaderboard.text import number


@dataclass(frozen=True)
class Strip:
    """One tested quantity, its ends as places from 0 to 100 on a strip that holds zero, interval and margin."""

    label: str
    text: str
    zero: float = 0.0
    effect: float = 0.0
    low: float = 0.0
    high: float = 0.0
    margin: tuple[float, float] | None = None
    drawn: bool = True


@dataclass(frozen=True)
class ClaimView:
    """One claim with what was found."""

    name: str
    statement: str
    source: str
    family: str
    word: str
    reason: str
    p: str
    strips: tuple[Strip, ...]


def claim_views(family: ClaimFamily | None) -> tuple[ClaimView, ...]:
    """Return the claims of a suite; none where it states none."""
    return tuple(map(_view, family.verdicts)) if family else ()


def _view(verdict: Verdict) -> ClaimView:
    claim, finding = verdict.claim, verdict.finding
    p = number(verdict.p_value, 2) if finding.parts and not finding.reason else ""
    strips = tuple(map(_strip, finding.parts))
    return ClaimView(claim.name, claim.statement, claim.source, claim.family, verdict.word, verdict.reason, p, strips)


def _strip(part: Part) -> Strip:
    rests = f"{part.n} {part.unit}"
    if not math.isfinite(part.low) or not math.isfinite(part.high):
        return Strip(part.label, f"{number(part.effect)} ({rests})", drawn=False)
    text = f"{number(part.effect)} [{number(part.low)}, {number(part.high)}]"
    text += f", margin {number(part.margin)}" if part.margin is not None else ""
    reach = [0.0, part.low, part.high, *([part.margin, -part.margin] if part.margin is not None else [])]
    low, high = min(reach), max(reach)
    wide = (high - low) or 1.0
    low, wide = low - 0.04 * wide, 1.08 * wide

    def place(value: float) -> float:
        return round((value - low) / wide * 100, 1)

    margin = (place(-part.margin), place(part.margin)) if part.margin is not None else None
    return Strip(
        part.label, f"{text} ({rests})", place(0.0), place(part.effect), place(part.low), place(part.high), margin
    )

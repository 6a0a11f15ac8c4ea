"""Whether a confidence set holds a value, for tests of coverage."""

from __future__ import annotations

from leaderboard.statistics import Ratio


def holds(ratio: Ratio, value: float) -> bool:
    inside = ratio.low <= value <= ratio.high
    outside = not ratio.low < value < ratio.high
    return {"all": True, "bounded": inside, "exclusive": outside}[ratio.kind]

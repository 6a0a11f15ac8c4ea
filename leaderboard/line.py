"""One row of one side of a board: its numbers, its labels, and what it is scored against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leaderboard import statistics as st
from leaderboard.controls import Controls
from leaderboard.readings import Reading
from leaderboard.signatures import Signature
from records.results import Cost

Role = Literal["control", "method", "side effect", "reference", "never trained"]
#: What is compared with `none`: methods, those that are meant for the other side, and scenarios that mitigate.
COMPARED: tuple[Role, ...] = ("method", "side effect")
DASH = "-"
NO_COLLAPSE = "control did not collapse"


@dataclass(frozen=True)
class Line:
    """One mitigation in one group.

    Attributes:
        mitigation: Its name.
        role: "method" for what is ranked; the others are shown alone. "control" for `none` and `real`, but for `none`
            of a scenario that mitigates, which is that scenario. "side effect" where the method does not apply to this
            modality. "reference" for `real_X`, which trains on real pairs as method X trains. "never trained" for the
            base model as it is, which is no row of a plan.
        seeds: Seeds complete, as "5/5".
        headline: What stands in the place of the number where there is none; "" where there is one.
        reading: The curves, or why there are none.
        controls: What it is scored against, at its own seeds.
        start: Mean at the first iteration: 0, of metrics of sets 1.
        end: Mean at iteration T.
        worsening: Interval of the worsening from the first iteration to T.
        sd: Standard deviation of that worsening over seeds.
        prevented: Collapse prevented with Fieller's interval.
        gain: Interval of how much better than `none` at T, paired.
        p_family: p value of that gain, Holm-adjusted over all rows of the loop that have a number on this side: what
            sentences and figures go by; None where controls judge nothing.
        rank: Rank range among the methods of the group; None where unranked.
        area: Mean worsening along the trajectory.
        slope: Robust slope of the worsening per iteration.
        onset: First iteration from which the worsening lies beyond the minimum effect and the seed noise, up to T.
        signatures: In which ways it fails, and from which iteration on; empty where there are no curves.
        correlation: With `none` at T over seeds; None where they are no pairs or it is unknown.
        local: Whether it comes from result files of this machine, on a board that has committed entries.
        protocol: Of the metric; "" where unknown or mixed.
        cost: Mean over seeds.
        notes: Labels that a reader must see.
        sorted_value: Of the column or metric that the board was sorted by.
    """

    mitigation: str
    role: Role
    seeds: str
    headline: str
    reading: Reading
    controls: Controls
    start: float | None = None
    end: float | None = None
    worsening: st.MeanInterval | None = None
    sd: float | None = None
    prevented: st.Ratio | None = None
    gain: st.MeanInterval | None = None
    p_family: float | None = None
    rank: tuple[int, int] | None = None
    area: float | None = None
    slope: float | None = None
    onset: int | None = None
    signatures: tuple[Signature, ...] = ()
    correlation: float | None = None
    local: bool = False
    protocol: str = ""
    cost: Cost | None = None
    notes: tuple[str, ...] = ()
    sorted_value: float | None = None

    @property
    def p_value(self) -> float | None:
        """The same p value where there are seeds enough to show it; None below five, whose words are descriptive."""
        return self.p_family if len(self.reading.row.seeds) >= st.SEEDS_FOR_RANKS else None

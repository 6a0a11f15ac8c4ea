"""What a suite says about its own numbers: gates that watch a trend, claims put to the test, where learning is read.

None enters a key, a protocol or a suite's digest: they are about numbers and change none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from records.checks import modalities, require
from records.names import MetricName, RowName, plain_name

#: More gates would need larger effects before any of them may be believed.
MOST_GATES = 6

#: The family of a claim that names no other.
PRIMARY = "primary"

#: One number a seed, out of its trajectory (`leaderboard.series`).
Statistic = Literal["worsening", "end", "slope", "area"]


@dataclass(frozen=True)
class Gate:
    """One trend that a change of the code must not bend.

    Attributes:
        name: What people call it.
        row: `scenario/variant/mitigation`.
        metric: `side/metric`, with `@judge` where several judges measure it.
        relevant: The smallest change that matters, in units of the statistic: what is smaller is never a regression.
        statistic: `worsening` from iteration 0 to T, `end` at T, robust `slope` per iteration, mean worsening (`area`).
        watch: `worse` = worse is a regression and better an improvement; `both` = a change of either sign is a
            regression, as for `none`, whose collapse is what the other rows are measured against.
        spread: Gates of one suite that name the same group share one variance over seeds, which makes the test
            sharper at few seeds; "" = a variance of its own.
    """

    name: str
    row: str
    metric: str
    relevant: float
    statistic: Statistic = "worsening"
    watch: Literal["worse", "both"] = "worse"
    spread: str = ""

    def __post_init__(self) -> None:
        """Check the names and the size."""
        require(bool(self.name.strip()), "gates: name: found nothing; allowed: a name")
        RowName.parse(self.row, f"gates: {self.name}: row")
        MetricName.parse(self.metric, f"gates: {self.name}: metric")
        require(self.relevant > 0, f"gates: {self.name}: relevant: found {self.relevant}; allowed: above 0")


@dataclass(frozen=True)
class ClaimSpec:
    """One finding as a statement that results can support or contradict.

    Attributes:
        name: What people call it.
        statement: One sentence, as it stands in the table.
        class_path: The kind of test: a frozen dataclass with `judge(evidence)`, as those in `leaderboard.claims`.
        init_args: Its fields.
        source: Where the finding was reported.
        family: `primary`, or the name of a secondary family: each is corrected for its own number of claims.
    """

    name: str
    statement: str
    class_path: str
    init_args: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    family: str = PRIMARY

    def __post_init__(self) -> None:
        """Check the texts."""
        require(bool(self.family.strip()), f"claims: {self.name}: family: found nothing; allowed: {PRIMARY}, or a name")
        require(bool(self.name.strip()), "claims: name: found nothing; allowed: a name")
        require(bool(self.statement.strip()), f"claims: {self.name}: statement: found nothing; allowed: a sentence")


def check_findings(
    gates: tuple[Gate, ...], claims: tuple[ClaimSpec, ...], learning: Mapping[str, str] | None = None
) -> None:
    """Check what single gates and claims cannot know, and that learning is read from suites, one a modality.

    Raises:
        ValueError: One sentence on what was found and what is allowed.
    """
    require(len(gates) <= MOST_GATES, f"gates: found {len(gates)}; allowed: at most {MOST_GATES}")
    for key, names in (("gates", [g.name for g in gates]), ("claims", [c.name for c in claims])):
        twice = sorted({name for name in names if names.count(name) > 1})
        require(not twice, f"{key}: the name {twice[0]!r} stands twice; each may stand once" if twice else "")
    modalities(learning or {}, "learning")
    for modality, name in (learning or {}).items():
        plain_name(name, f"learning: {modality}")

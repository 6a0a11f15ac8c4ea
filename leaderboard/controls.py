"""The controls of a group, `none` and `real`: whose they are, whether they may be used, what they show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from leaderboard import statistics as st
from leaderboard.comparing import gap, paired
from leaderboard.grain import above
from leaderboard.readings import BoardRow, Reading, floor_of, read
from leaderboard.unpaired import prevented_unpaired
from records.names import CONTROLS, GroupName
from records.results import CellResult, Floor

UNKNOWN = st.Validity(None, None)
#: Real pairs have nothing to be trained on in a chain, so that it has no `real`.
NOTHING_TRAINS = "nothing trains: compare with generation 0"


@dataclass(frozen=True)
class Controls:
    """What a group is measured against.

    Attributes:
        readings: `none` and `real` where found, in that order.
        problem: Why nothing can be scored against them; "" where it can.
        inherited: Whether they are the parent scenario's.
        direction: Of the metric; "" where unknown.
        floor: Of the metric, with the largest minimum effect of the cells.
        gap: Interval of how much worse `none` is than `real` at T.
        validity: Whether `real` stays healthy while `none` collapses.
        correlation: Of `none` and `real` at T over seeds: what pairing gains from; None where they are no pairs.
    """

    readings: tuple[Reading, ...]
    problem: str
    inherited: bool
    direction: str = ""
    floor: Floor | None = None
    gap: st.MeanInterval | None = None
    validity: st.Validity = UNKNOWN
    correlation: float | None = None

    @property
    def minimum_effect(self) -> float:
        """The smallest gap that counts as collapse; zero where the metric declares none."""
        return self.floor.minimum_effect if self.floor else 0.0

    @property
    def collapsed(self) -> bool:
        """Whether the whole 95 % interval of none - real at T lies above the minimum effect."""
        return self.gap is not None and bool(above(self.gap.low, self.minimum_effect))

    @property
    def judged(self) -> bool:
        """Whether methods can be judged against them: the control collapsed, and the testbed is valid."""
        return not self.problem and self.collapsed and self.validity.valid is True

    @property
    def unsound(self) -> bool:
        """Whether rows have numbers all the same where methods cannot be judged."""
        return not self.problem and self.collapsed and not self.judged

    @property
    def untrained(self) -> st.Ratio | None:
        """What collapse prevented comes to for a model that is never trained; None without a collapse.

        It worsens by nothing, so this is the worsening of `none` as a share of the gap, with Fieller's set. Above 1
        where fits on real pairs harm, too: rows between 1 and this number cannot be told from models that hardly train.
        """
        if not self.collapsed:
            return None
        none, real = self.reading("none"), self.reading("real")
        ends = none.at(-1), none.at(0), real.at(-1)
        if paired(none, real):
            return st.collapse_prevented(*ends, items=none.items)
        return prevented_unpaired(*ends, controls_paired=False, items=none.items)

    @property
    def label(self) -> str:
        """One phrase on what the controls show, for the head of a table."""
        if self.problem:
            return self.problem if self.problem == NOTHING_TRAINS else f"unknown ({self.problem})"
        if self.gap is not None and self.gap.n < st.SEEDS_FOR_INTERVALS:
            return "unknown (one seed)"
        if not self.collapsed:
            return "control did not collapse"
        share = self.validity.share
        if share is None:
            return "unknown (none did not worsen)"
        amount = "does not worsen" if share <= 0 else f"worsens by {share:.0%} of none's"
        return f"valid (real {amount})" if self.validity.valid else f"INVALID (real {amount}, limit 25%)"

    def reading(self, mitigation: str) -> Reading:
        """Return a control's curves."""
        return next(r for r in self.readings if r.row.mitigation == mitigation)


def find_controls(
    row: BoardRow, rows: tuple[BoardRow, ...], results: Mapping[str, CellResult], metric: str, ends: bool = False
) -> Controls:
    """Find and judge the controls of ``row``'s group: its own, or its parent's where it has one.

    A parent may be planned at more seeds; then it is read at those of the row. ``ends`` is that of
    `leaderboard.readings.read`.
    """
    inherited = row.parent is not None
    home = parent_group(row, rows) if inherited else row.group
    found = tuple(
        read(candidate.at(row.seeds) if set(row.seeds) < set(candidate.seeds) else candidate, results, metric, ends)
        for name in CONTROLS
        for candidate in rows
        if candidate.group == home and candidate.mitigation == name
    )
    problem = _problem(row, home, found)
    if problem:
        return Controls(found, problem, inherited)
    none, real = found
    direction = none.cells[0].info[metric].direction
    floor = floor_of(none.cells + real.cells, metric)
    validity = st.validity(*(st.worsening(row.at(0), row.at(-1), direction) for row in found))
    correlation = st.seed_correlation(none.at(-1), real.at(-1)) if paired(none, real) else None
    return Controls(found, "", inherited, direction, floor, gap(real, none, direction), validity, correlation)


def mismatch(reading: Reading, controls: Controls) -> str:
    """Say why a complete row may not be compared with its controls; "" where it may.

    Rows of one scenario variant share the protocol digest, but for cells that another variant has, too
    (`leaderboard.readings.own_protocols`). A scenario with a parent resolves differently by design, so there N, T,
    seeds and the metric (whose name holds its own n) must agree instead.
    """
    none = controls.readings[0]
    for what, own, theirs in zip(("N", "T", "seeds"), reading.setting, none.setting, strict=True):
        if own != theirs:
            where = "the parent" if controls.inherited else "none"
            return f"not comparable: {what} {_list(own)}, {where} {_list(theirs)}"
    if not controls.inherited and len(reading.own_protocols | none.own_protocols) > 1:
        return "not comparable: other protocol"
    return ""


def parent_group(row: BoardRow, rows: tuple[BoardRow, ...]) -> GroupName | None:
    """Return the parent's group: named as "scenario/variant", else the same variant, else its only one."""
    if row.parent is None:
        return None
    scenario, variant = GroupName.parse(row.parent)
    variants = list(dict.fromkeys(r.variant for r in rows if r.scenario == scenario))
    if variant or row.variant in variants:
        return GroupName(scenario, variant or row.variant)
    return GroupName(scenario, variants[0]) if len(variants) == 1 else None


def _problem(row: BoardRow, home: GroupName | None, found: tuple[Reading, ...]) -> str:
    if home is None:
        return f"not comparable: parent {row.parent} has no such variant"
    names = [reading.row.mitigation for reading in found]
    missing = [name for name in CONTROLS if name not in names]
    if missing == ["real"] and found[0].cells and not any(cell.trains for cell in found[0].cells):
        return NOTHING_TRAINS
    if missing:
        return f"no control: {' and '.join(missing)} not in the plan"
    for reading in found:
        if reading.problem:
            return f"no control: {reading.row.mitigation} {reading.problem}"
    none, real = found
    if none.setting != real.setting or len(none.own_protocols | real.own_protocols) > 1:
        return "no control: none and real differ in protocol"
    return ""


def _list(values: Iterable[int]) -> str:
    return ",".join(map(str, sorted(values)))

"""Groups of a board beside each other: a loop is one scenario variant with the sides that it trains.

What rows of different groups have in common is their loop, and loops are of kinds: the joint loop, the captioner alone,
the generator alone. A scenario with a parent already mitigates: it is a row of its parent's loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from leaderboard.board import Board, Group
from leaderboard.controls import parent_group
from leaderboard.joint import Joint, joint
from leaderboard.line import Line, Role
from records.names import SIDES, GroupName
from records.results import Cost

PLAIN = "default"  # the variant of a scenario that has one only
NEVER = "never trained"  # no method is called so: names have no spaces


@dataclass(frozen=True)
class Row:
    """One row of a loop over its sides.

    Attributes:
        name: What it is called in its loop: the mitigation, or the scenario that mitigates.
        short: The same in fewer characters where there is no room.
        mitigation: Its mitigation.
        lines: Modality -> its line; a side that the loop does not train is not there.
        joint: Its headline over all sides; None where the loop has one, or a side has no number.
        value: Collapse prevented, by which rows are in order: over all sides, or on those that have a number.
        rank: Rank range by that; None where it is not ranked.
        child: Whether it is a scenario that mitigates, and no method of this loop.
    """

    name: str
    short: str
    mitigation: str
    lines: dict[str, Line]
    joint: Joint | None = None
    value: float | None = None
    rank: tuple[int, int] | None = None
    child: bool = False

    @property
    def control(self) -> bool:
        """Whether it is `none` or `real`."""
        return self._is("control")

    @property
    def idle(self) -> bool:
        """Whether it is the model that is never trained."""
        return self._is("never trained")

    @property
    def reference(self) -> bool:
        """Whether it is shown beside methods and is none: the model that is never trained, and rows `real_X`."""
        return self.idle or self._is("reference")

    @property
    def judged(self) -> bool:
        """Whether it is compared with `none`: a method, or a scenario that mitigates, and no control of either."""
        return not self.control and not self.reference

    def _is(self, role: Role) -> bool:
        return any(line.role == role for line in self.lines.values())

    @property
    def cost(self) -> Cost | None:
        """What a cell of it consumes, over all sides."""
        return next((line.cost for line in self.lines.values() if line.cost), None)


@dataclass(frozen=True)
class Loop:
    """One scenario variant with its own controls, and the scenarios that mitigate it.

    Attributes:
        scenario: Scenario name.
        variant: Variant name.
        groups: One a modality, the captioner's first.
        children: Groups of the scenarios that name this one as their parent, in the plan's order.
        rows: Controls, the model that is never trained, rows `real_X`, methods, the best first, then scenarios that
            mitigate.
    """

    scenario: str
    variant: str
    groups: tuple[Group, ...]
    children: tuple[Group, ...]
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        """Scenario, and its variant unless it has one only."""
        return loop_name(self.scenario, self.variant)

    @property
    def kind(self) -> str:
        """Which kind of loop this is, by what it trains."""
        sides = [group.modality for group in self.groups if group.modality]
        if sides == ["set"]:
            return "nothing trains"
        return "joint loop" if len(sides) > 1 else f"{sides[0]} alone" if sides else "not measured yet"


def loops(board: Board) -> tuple[Loop, ...]:
    """Return the loops of a board with the one that matters most first: where both sides learn, else the plan's first.

    The others keep the plan's order. A scenario whose parent is not on the board is a loop of its own.
    """
    parts: dict[GroupName, list[Group]] = {}
    for group in board.groups:
        parts.setdefault(GroupName(group.scenario, group.variant), []).append(group)
    homes = {name: _home(name, board, parts) for name in parts}
    found = [
        _loop(name, _sides(groups), [g for c, home in homes.items() if home == name != c for g in _sides(parts[c])])
        for name, groups in parts.items() if homes[name] == name
    ]  # fmt: skip
    first = max(found, key=lambda loop: len(loop.groups), default=None)  # the first of those with most sides
    return tuple(sorted(found, key=lambda loop: loop is not first))


def loop_name(scenario: str, variant: str) -> str:
    """Return what a scenario variant is called among others."""
    return scenario if variant == PLAIN else str(GroupName(scenario, variant))


def _home(name: GroupName, board: Board, parts: dict[GroupName, list[Group]]) -> GroupName:
    """Return the loop that a scenario variant belongs to: its parent's where that is on the board, else itself."""
    row = next(row for row in board.rows if row.group == name)
    parent = parent_group(row, board.rows)
    return parent if parent in parts else name


def _sides(groups: Sequence[Group]) -> tuple[Group, ...]:
    order: list[str] = [*SIDES, ""]
    return tuple(sorted(groups, key=lambda group: order.index(group.modality)))


def _loop(name: GroupName, groups: tuple[Group, ...], children: Sequence[Group]) -> Loop:
    own = _own_rows(groups)
    rows = [*own, *_child_rows(children)]
    methods = [row.name for row in own if any(line.role == "method" for line in row.lines.values())]
    together = joint(groups, {row.name: row.lines for row in rows if not row.control}, methods)
    judged = [group.modality for group in groups if group.controls.judged]
    rows = [_placed(row, together.get(row.name), judged) for row in rows]
    mine, others = rows[: len(own)], rows[len(own) :]
    asked = any(group.sorted_by for group in groups)  # for another order, in which the rows are already
    mine.sort(key=(lambda row: _order(row)[0] > 1) if asked else _order)
    return Loop(*name, groups, tuple(children), (*mine, *others))


def _own_rows(groups: Sequence[Group]) -> list[Row]:
    """Return the rows of a loop's mitigations, and the model that is never trained where there is a collapse."""
    leading = sorted(groups, key=lambda group: not group.sorted_by)
    names = dict.fromkeys(line.mitigation for group in leading for line in group.lines)
    rows = [Row(_label(name, groups), name, name, _lines(groups, name)) for name in names]
    idle = {group.modality: line for group in groups if (line := never_trained(group)) is not None}
    return [*rows, Row(NEVER, NEVER, NEVER, idle)] if idle else rows


def _child_rows(children: Sequence[Group]) -> list[Row]:
    """Return the scenarios that mitigate, as they are first and then under the methods that ran there."""
    rows = []
    for scenario, variant in dict.fromkeys((g.scenario, g.variant) for g in children):
        groups = [g for g in children if (g.scenario, g.variant) == (scenario, variant)]
        names = dict.fromkeys(["none", *(line.mitigation for group in groups for line in group.lines)])
        for name in names:
            ending = "" if name == "none" else f" + {name}"
            short = variant if variant != PLAIN else scenario
            if found := _lines(groups, name):
                rows.append(Row(loop_name(scenario, variant) + ending, short + ending, name, found, child=True))
    return rows


def _placed(row: Row, together: Joint | None, judged: Sequence[str]) -> Row:
    """Return a row with its headline and rank: over all sides, or on the only one that can be judged."""
    if together is not None:
        return replace(row, joint=together, value=together.share.mean, rank=together.rank)
    lines = [row.lines[side] for side in judged or row.lines if side in row.lines]
    shares = [line.prevented.value for line in lines if line.prevented is not None]
    value = sum(shares) / len(shares) if shares and len(shares) == len(lines) else None
    return replace(row, value=value, rank=lines[0].rank if len(lines) == 1 and not row.child else None)


def never_trained(group: Group) -> Line | None:
    """Return what the base model scores that is never trained: a reference, no method; None without a collapse.

    It ends where it starts, so it prevents all of what `none` does, consumes nothing, and learns nothing.
    """
    share = group.controls.untrained
    none = next((line for line in group.lines if line.mitigation == "none"), None)
    if share is None or none is None or group.controls.inherited:
        return None
    return Line(
        NEVER, "never trained", none.seeds, "", none.reading, group.controls, start=none.start, end=none.start,
        prevented=share, cost=Cost(),
    )  # fmt: skip


def _lines(groups: Sequence[Group], mitigation: str) -> dict[str, Line]:
    return {g.modality: line for g in groups for line in g.lines if line.mitigation == mitigation}


def _label(mitigation: str, groups: Sequence[Group]) -> str:
    local = any(line.local for group in groups for line in group.lines if line.mitigation == mitigation)
    return f"{mitigation} (local)" if local else mitigation


def _order(row: Row) -> tuple[int, float]:
    """Put controls first, then references, then ranked methods by what they prevent, then others, then as planned.

    Not by rank ranges: of a row that hardly anything is known of the range begins early.
    """
    if row.control or row.idle:
        return (0 if row.control else 1), 0.0
    if row.value is None:
        return 5, 0.0
    return (2 if row.reference else 3 if row.rank else 4), -row.value

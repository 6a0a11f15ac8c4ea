"""Groups of a board beside each other: a loop is one scenario variant with the sides that it trains.

What rows of different groups have in common is their loop, and loops are of kinds: the joint loop, the captioner alone,
the generator alone. A scenario with a parent already mitigates: it is a row of its parent's loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leaderboard.board import Board, Group, Line
from leaderboard.controls import parent_group
from records.names import SIDES, GroupName

PLAIN = "default"  # the variant of a scenario that has one only


@dataclass(frozen=True)
class Row:
    """One row of a loop over its sides.

    Attributes:
        name: What it is called in its loop: the mitigation, or the scenario that mitigates.
        short: The same in fewer characters where there is no room.
        mitigation: Its mitigation.
        lines: Modality -> its line; a side that the loop does not train is not there.
    """

    name: str
    short: str
    mitigation: str
    lines: dict[str, Line]

    @property
    def control(self) -> bool:
        """Whether it is `none` or `real`."""
        return any(line.role == "control" for line in self.lines.values())

    @property
    def judged(self) -> bool:
        """Whether it is compared with `none`: a method, or a scenario that mitigates, and no control of either."""
        return not self.control and self.mitigation != "real"

    @property
    def score(self) -> float | None:
        """Collapse prevented, the mean over the sides; None where one has no number."""
        shares = [line.prevented for line in self.lines.values()]
        return None if None in shares or not shares else sum(s.value for s in shares if s) / len(shares)


@dataclass(frozen=True)
class Loop:
    """One scenario variant with its own controls, and the scenarios that mitigate it.

    Attributes:
        scenario: Scenario name.
        variant: Variant name.
        groups: One a modality, the captioner's first.
        children: Groups of the scenarios that name this one as their parent, in the plan's order.
    """

    scenario: str
    variant: str
    groups: tuple[Group, ...]
    children: tuple[Group, ...] = ()

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

    @property
    def rows(self) -> tuple[Row, ...]:
        """Controls, then methods, the best first, then scenarios that mitigate.

        Methods keep the order of the board where one side is trained. Where both are, the mean of what they prevent
        decides, and those without a number keep the plan's order behind the others.
        """
        names = dict.fromkeys(line.mitigation for group in self.groups for line in group.lines)
        rows = [Row(_label(name, self.groups), name, name, _lines(self.groups, name)) for name in names]
        if len(self.groups) > 1:
            rows.sort(key=_order)
        return (*rows, *self.child_rows)

    @property
    def child_rows(self) -> tuple[Row, ...]:
        """Scenarios that mitigate this one, as they are and under the methods that ran there."""
        rows = []
        for scenario, variant in dict.fromkeys((g.scenario, g.variant) for g in self.children):
            groups = [g for g in self.children if (g.scenario, g.variant) == (scenario, variant)]
            names = dict.fromkeys(["none", *(line.mitigation for group in groups for line in group.lines)])
            for name in names:
                ending = "" if name == "none" else f" + {name}"
                short = variant if variant != PLAIN else scenario
                full = loop_name(scenario, variant) + ending
                if found := _lines(groups, name):
                    rows.append(Row(full, short + ending, name, found))
        return tuple(rows)


def loops(board: Board) -> tuple[Loop, ...]:
    """Return the loops of a board with the one that matters most first: where both sides learn, else the plan's first.

    The others keep the plan's order. A scenario whose parent is not on the board is a loop of its own.
    """
    parts: dict[GroupName, list[Group]] = {}
    for group in board.groups:
        parts.setdefault(GroupName(group.scenario, group.variant), []).append(group)
    homes = {name: _home(name, board, parts) for name in parts}
    found = [
        Loop(
            name.scenario, name.variant, _sides(groups),
            tuple(g for child, home in homes.items() if home == name != child for g in _sides(parts[child])),
        )
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


def _lines(groups: Sequence[Group], mitigation: str) -> dict[str, Line]:
    return {g.modality: line for g in groups for line in g.lines if line.mitigation == mitigation}


def _label(mitigation: str, groups: Sequence[Group]) -> str:
    local = any(line.local for group in groups for line in group.lines if line.mitigation == mitigation)
    return f"{mitigation} (local)" if local else mitigation


def _order(row: Row) -> tuple[int, float]:
    if row.control:
        return 0, 0.0
    return (2, 0.0) if row.score is None else (1, -row.score)

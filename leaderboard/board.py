"""The board: rows of the current plan and result files in, tables of numbers and labels out.

Only rows of the plan are shown. Every row is there, also when it has nothing to show: then it says why, and
has no headline. Rendering is elsewhere (`leaderboard.render`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from leaderboard import comparing
from leaderboard import statistics as st
from leaderboard.controls import Controls, find_controls, mismatch, parent_group
from leaderboard.grain import grain
from leaderboard.health import false_health
from leaderboard.learned import Learned, reference_of
from leaderboard.line import COMPARED, DASH, NO_COLLAPSE, Line, Role
from leaderboard.power import Power
from leaderboard.readings import BoardRow, Reading, floor_of, read
from leaderboard.signatures import signatures
from records.names import CONTROLS, GroupName, MetricName, judged_sides
from records.results import CellResult, Floor


@dataclass(frozen=True)
class Group:
    """One scenario variant and modality: the lines that may be compared with each other."""

    scenario: str
    variant: str
    modality: str
    metric: str
    direction: str
    parent: str | None
    floor: Floor | None
    controls: Controls
    lines: tuple[Line, ...]
    power: Power | None = None
    sorted_by: str = ""

    @property
    def title(self) -> str:
        """Scenario, variant and modality."""
        return f"{self.scenario} / {self.variant}: {self.modality}"


@dataclass(frozen=True)
class Board:
    """What is shown of a plan.

    Attributes:
        groups: All groups.
        rows: All rows of the plan.
        results: Result files by cell key.
        ignored: How many result files are no part of the plan.
        foreign: Methods whose committed entries are of another protocol.
        learning: Modality -> what another suite says of learning; empty where the suite names none.
    """

    groups: tuple[Group, ...]
    rows: tuple[BoardRow, ...]
    results: Mapping[str, CellResult]
    ignored: int
    foreign: tuple[str, ...] = ()
    learning: Mapping[str, Learned] = field(default_factory=dict)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities in order of first appearance."""
        return tuple(dict.fromkeys(group.modality for group in self.groups))


def build(rows: Iterable[BoardRow], results: Mapping[str, CellResult]) -> Board:
    """Make the board of a plan.

    Args:
        rows: The rows of the current plan, in its order.
        results: Every result file by cell key; those of no row are counted and ignored.
    """
    rows = tuple(rows)
    planned = {key for row in rows for key in row.keys}
    groups = [
        _group(scenario, variant, modality, metric, rows, results)
        for scenario, variant in dict.fromkeys(row.group for row in rows)
        for modality, metric in primary_metrics(scenario, variant, rows, results).items()
    ]
    return Board(_tested(groups, rows), rows, results, sum(key not in planned for key in results))


def primary_metrics(
    scenario: str, variant: str, rows: tuple[BoardRow, ...], results: Mapping[str, CellResult]
) -> dict[str, str]:
    """Return modality -> primary metric; `none` decides where rows disagree, which then are labelled.

    A group without any result yet has one entry with no names, so that its rows are shown all the same.
    """
    own = [row for row in rows if row.group == (scenario, variant)]
    own.sort(key=lambda row: row.mitigation != "none")  # stable: `none` first, the plan's order after it
    found: dict[str, str] = {}
    for cell in (cell for row in own for cell in row.cells(results)):
        for metric in sorted(m for m, info in cell.info.items() if info.primary):
            modality = MetricName.parse(metric).side
            if modality in judged_sides(cell.trains):
                found.setdefault(modality, metric)
    return dict(sorted(found.items())) or {"": ""}


def _group(
    scenario: str,
    variant: str,
    modality: str,
    metric: str,
    rows: tuple[BoardRow, ...],
    results: Mapping[str, CellResult],
) -> Group:
    own = [row for row in rows if row.group == (scenario, variant)]
    readings = [read(row, results, metric) for row in own]
    controls = find_controls(own[0], rows, results, metric)
    mixed = any(row.origin == "entry" for row in rows)
    lines = [replace(_line(r, controls, modality), local=mixed and r.row.origin == "local") for r in readings]
    lines = [_flag(line, results, modality) for line in lines]
    lines = _compare(lines, controls)
    lines.sort(key=_order)
    cells = [cell for r in readings for cell in r.cells]
    direction = controls.direction or next((c.info[metric].direction for c in cells if metric in c.info), "down")
    floor = controls.floor or floor_of(cells, metric)
    power = _power(lines, controls)
    return Group(scenario, variant, modality, metric, direction, own[0].parent, floor, controls, tuple(lines), power)


def _line(reading: Reading, controls: Controls, modality: str) -> Line:
    """Fill in everything about one row that needs no other row than the controls."""
    row = reading.row
    role = _role(reading, modality)
    line = Line(row.mitigation, role, reading.seeds, reading.problem, reading, controls)
    if reading.curves is None:
        return replace(line, notes=tuple(filter(None, [reading.detail])))
    line = _describe(line, reading, modality)
    unscored = DASH if role == "control" else controls.problem or mismatch(reading, controls)
    if not unscored and len(row.seeds) < st.SEEDS_FOR_INTERVALS:
        unscored = "one seed, no interval"
    if unscored or not controls.collapsed:
        return replace(line, headline=unscored or NO_COLLAPSE)
    none, real = controls.reading("none"), controls.reading("real")
    same = comparing.paired(none, reading)
    return replace(
        line,
        prevented=comparing.prevented(none, reading, real),
        correlation=st.seed_correlation(none.at(-1), reading.at(-1)) if same else None,
    )


def _role(reading: Reading, modality: str) -> Role:
    if reading.row.is_control:
        return "control"
    if reference_of(reading):
        return "reference"
    return "method" if reading.row.applies(modality) else "side effect"


def _describe(line: Line, reading: Reading, modality: str) -> Line:
    """Add the numbers that a row has on its own."""
    curves = reading.curves
    assert curves is not None
    direction = reading.cells[0].info[reading.metric].direction
    worse = st.worsening(reading.at(0), reading.at(-1), direction)
    return replace(
        line,
        start=float(reading.at(0).mean()),
        end=float(reading.at(-1).mean()),
        worsening=st.t_interval(worse, least=grain(worse, reading.items)),
        sd=st.mean_sd(worse)[1] if len(worse) > 1 else None,
        area=float(st.trajectory_area(curves, direction).mean()),
        slope=float(st.robust_slope(curves, direction).mean()),
        onset=reading.onset(),
        signatures=signatures(reading.cells, modality),
        protocol=next(iter(reading.protocols)) if len(reading.protocols) == 1 else "",
        cost=reading.cost(),
    )


def _flag(line: Line, results: Mapping[str, CellResult], modality: str) -> Line:
    notes = list(line.notes)
    if line.role == "side effect":
        notes.append("side effect, not ranked")
    flag = false_health(line.reading.row, results, modality)
    if flag and line.reading.curves is not None:
        notes.append(flag)
    return replace(line, notes=tuple(notes))


def _compare(lines: list[Line], controls: Controls) -> list[Line]:
    """Add gains over `none` to rows with a headline number, and rank ranges to the methods among them."""
    scored = [line for line in lines if line.prevented is not None]
    if not scored:
        return lines
    none, direction = controls.reading("none"), controls.direction
    gains = {id(x): comparing.gap(x.reading, none, direction) for x in scored}
    ranked = [x for x in scored if x.role == "method" and not _unranked(x, controls)]
    can_rank = {id(x) for x in ranked}
    ranks = comparing.rank_ranges([x.reading for x in ranked], direction)
    return [
        replace(
            line,
            gain=gains.get(id(line)),
            rank=ranks.get(line.mitigation) if id(line) in can_rank else None,
            notes=(*line.notes, *_reasons(line, controls)),
        )
        for line in lines
    ]


def _tested(groups: Sequence[Group], rows: tuple[BoardRow, ...]) -> tuple[Group, ...]:
    """Return the groups with p values, Holm-adjusted once over all rows of a loop that have a number on a side.

    Scenarios that mitigate a loop are rows of it. Tables, figures and sentences all go by these numbers, so that one
    question has one answer on a page.
    """
    named = {(GroupName(group.scenario, group.variant), group.modality): group for group in groups}
    loops = {name for name, _ in named}
    families: dict[tuple[GroupName, str], list[Line]] = {}
    for (name, modality), group in named.items():
        parent = parent_group(next(row for row in rows if row.group == name), rows)
        home = (parent if parent in loops else name, modality)
        if home not in named or not named[home].controls.judged:
            continue
        judged = [x for x in group.lines if x.gain is not None and x.controls.judged and x.role in COMPARED]
        families.setdefault(home, []).extend(judged)
    found: dict[int, float] = {}
    for lines in families.values():  # each against `none` at its own seeds, which may be fewer
        p_values = [comparing.p_value(x.controls.reading("none"), x.reading) for x in lines]
        found |= {id(x): p for x, p in zip(lines, st.holm(p_values), strict=True)}
    return tuple(
        replace(group, lines=tuple(replace(x, p_family=found.get(id(x))) for x in group.lines)) for group in groups
    )


def _power(lines: list[Line], controls: Controls) -> Power | None:
    """Return what the group can see: from its methods' differences to `none`, or `real`'s where it has no method."""
    if controls.problem:
        return None
    methods = [x.reading for x in lines if x.prevented is not None and x.role == "method"]
    return comparing.power(controls.reading("none"), methods or [controls.reading("real")])


def _unranked(line: Line, controls: Controls) -> str:
    """Say why a method with a headline number is not ranked; "" where it is."""
    if controls.validity.valid is None:
        return "unranked: validity unknown, none did not worsen"
    if not controls.validity.valid:
        return "unranked: invalid testbed"
    if len(line.reading.row.seeds) < st.SEEDS_FOR_RANKS:
        return f"descriptive: ranks need {st.SEEDS_FOR_RANKS} seeds"
    return ""


def _reasons(line: Line, controls: Controls) -> tuple[str, ...]:
    if line.prevented is None:
        return ()
    unranked = _unranked(line, controls) if line.role == "method" else ""
    unpaired = "" if comparing.paired(controls.reading("none"), line.reading) else comparing.UNPAIRED
    return tuple(filter(None, [unranked, unpaired]))


def _order(line: Line) -> tuple[int, float]:
    """Put `none` and `real` first, then references, then the ranked by their paired difference, then as planned."""
    if line.mitigation in CONTROLS:
        return 0, 0.0
    if line.role == "reference":
        return 1, 0.0
    return (2, -line.gain.mean) if line.rank and line.gain else (3, 0.0)

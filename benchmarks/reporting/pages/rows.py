"""The rows of a page's board: what each cell says, what it is sorted by, and the evidence that a row opens."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from leaderboard import render
from leaderboard.board import Board, Group
from leaderboard.learned import Learned
from leaderboard.line import Line
from leaderboard.loops import Loop, Row, loops
from leaderboard.overview import learns
from leaderboard.pareto import front
from leaderboard.provenance import origin
from leaderboard.statistics import Array, mean_sd
from leaderboard.tables import COSTS, csv_text
from leaderboard.text import ARROWS, count, number, share
from records.names import MetricName

FALSE_HEALTH = "false health"
#: Ends of the strip that a share is drawn on, those of `page.js`.
LOW, HIGH = -0.5, 1.5


@dataclass(frozen=True)
class Dot:
    """A share with its interval, drawn on a strip from `LOW` to `HIGH`; without ends where it has no bounded one."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def text(self) -> str:
        """The share with its interval in words."""
        return share(self.value, self.low, self.high)

    @property
    def at(self) -> dict[str, float]:
        """Places on the strip, 0 to 100: of the value and of both ends, cut where they leave it."""
        low, high = (LOW if self.low is None else self.low), (HIGH if self.high is None else self.high)
        places = {name: _place(v) for name, v in (("value", self.value), ("low", low), ("high", high))}
        return {**places, "value": -20.0} if self.side else places

    @property
    def side(self) -> str:
        """The class of an arrow in place of the dot, where the value leaves the strip; "" where it does not."""
        return " under" if self.value < LOW else " over" if self.value > HIGH else ""


def _place(share: float) -> float:
    return round(min(max((share + 0.5) / 2, 0.0), 1.0) * 100, 1)


@dataclass(frozen=True)
class Evidence:
    """What a row rests on.

    Attributes:
        facts: (what, what it is) in words.
        command: What makes the row again; "" for one that nothing makes.
        seeds: (seed, at the first iteration, at T) of the headline metric.
        ends: Mean and standard deviation over seeds at the first iteration and at T, in words.
    """

    facts: tuple[tuple[str, str], ...] = ()
    command: str = ""
    seeds: tuple[tuple[int, str, str], ...] = ()
    ends: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class PageRow:
    """One row of a section.

    Attributes:
        key: Its place on the page, by which scripts find it.
        name: What it is called.
        mitigation: The method, by which links and figures find it.
        kind: control, reference, method, scenario or side effect.
        front: Whether it is on the front of costs.
        cells: Column -> what it says.
        sorts: Column -> number that it is sorted by; a column without one goes last.
        dot: Collapse prevented; None where there is none, and `cells` says why.
        notes: Labels that a reader must see; those of false health are also in `flags`.
        flags: Of false health, with the reason.
        evidence: What it rests on.
        of: Scenario, variant, modality and method of its line on the board.
    """

    key: str
    name: str
    mitigation: str
    kind: str
    front: bool
    cells: dict[str, str]
    sorts: dict[str, float]
    dot: Dot | None = None
    notes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    of: tuple[str, str, str, str] = ("", "", "", "")


@dataclass(frozen=True)
class Section:
    """One loop and one of its sides, or both together.

    Attributes:
        loop: Name of the loop.
        side: Modality, "set", or "both".
        title: For its head.
        about: What must be known before it is read.
        rows: In the order of the board.
        group: Where its numbers are from; None for both sides together.
        first: The first iteration that its metric is measured at.
    """

    loop: str
    side: str
    title: str
    about: tuple[str, ...]
    rows: tuple[PageRow, ...]
    group: Group | None = None
    first: int = 0


#: (key, head, what it means)
COLUMNS = (
    ("prevented", "collapse prevented", "0 = as none, 1 = as real, with its 95 % interval"),
    ("rank", "rank", "rank range among the methods of the loop"),
    ("start", "at 0", "mean over seeds at the first iteration"),
    ("end", "at T", "mean over seeds at the last iteration"),
    ("worse", "worsening ± sd", "from first to last iteration; worse is positive; sd over seeds"),
    ("learns", "learns", "share of what real pairs teach that a model learns under the method, or from its own pairs"),
    ("evaluations", "network evaluations", "of one seed"),
    ("real", "real pairs", "of one seed"),
)


def sections(board: Board) -> list[Section]:
    """Return the sections of a board, the loop that matters most first."""
    found: list[Section] = []
    for loop in loops(board):
        marked = front(loop.rows)
        if any(row.joint for row in loop.rows):
            rows = [_joint_row(row, f"{len(found)}-{i}", row.name in marked) for i, row in enumerate(loop.rows)]
            about = "the mean of collapse prevented over the two sides; the joint loop is ranked by it"
            kept = tuple(row for row in rows if row.dot)
            found.append(Section(loop.name, "both", f"{loop.name}: both sides", (about,), kept))
        for group in loop.groups:
            found.append(_section(board, loop, group, len(found), marked))
    return found


def _section(board: Board, loop: Loop, group: Group, number_of: int, marked: frozenset[str]) -> Section:
    rows = [
        _row(board, group, row, line, f"{number_of}-{i}", row.name in marked)
        for i, row in enumerate(loop.rows)
        if (line := row.lines.get(group.modality)) is not None
    ]
    about = (render.heading(group), render.power_line(group), render.untrained_line(group))
    side = group.modality or "not measured yet"
    first = MetricName.parse(group.metric).first if group.metric else 0
    title = f"{loop.name}: {side}"
    if group.metric:
        title += f", {MetricName.parse(group.metric).metric} {ARROWS[group.direction]}"
    return Section(loop.name, side, title, tuple(filter(None, about)), tuple(rows), group, first)


def _kind(row: Row, line: Line | None) -> str:
    return "scenario" if row.child else "reference" if row.reference else line.role if line else "method"


def _costs(row: Row) -> tuple[dict[str, str], dict[str, float]]:
    cost = row.cost
    if cost is None:
        return {}, {}
    names = dict(zip(("evaluations", "real"), COSTS, strict=False))
    return {k: count(getattr(cost, f)) for k, f in names.items()}, {k: getattr(cost, f) for k, f in names.items()}


def _joint_row(row: Row, key: str, marked: bool) -> PageRow:
    texts, sorts = _costs(row)
    found = row.joint.share if row.joint else None
    dot = Dot(found.mean, found.low, found.high) if found else None
    if dot:
        texts["prevented"], sorts["prevented"] = dot.text, dot.value
    if row.rank:
        texts["rank"], sorts["rank"] = f"{row.rank[0]}-{row.rank[1]}", sum(row.rank) / 2
    kind = "reference" if row.reference else "scenario" if row.child else "method"
    return PageRow(key, row.name, row.mitigation, kind, marked, texts, sorts, dot)


def _row(board: Board, group: Group, row: Row, line: Line, key: str, marked: bool) -> PageRow:
    texts, sorts = _costs(row)
    known = {"start": line.start, "end": line.end, "worse": line.worsening.mean if line.worsening else None}
    texts |= {name: number(value) for name, value in known.items()}
    if line.sd is not None:
        texts["worse"] += f" ± {number(line.sd, 2)}"
    sorts |= {name: value for name, value in known.items() if value is not None}
    texts["prevented"] = render.headline(line)
    dot = None
    if line.prevented is not None:
        bounded = line.prevented.kind == "bounded"
        dot = Dot(line.prevented.value, *((line.prevented.low, line.prevented.high) if bounded else (None, None)))
        sorts["prevented"] = dot.value
    texts["rank"] = "" if row.child else render.rank(line)  # a scenario that mitigates is ranked in its own group
    if line.rank and not row.child:
        sorts["rank"] = sum(line.rank) / 2
    texts["learns"] = learns(row, group.modality, board)
    learned: Learned | None = board.learning.get(group.modality)
    if learned and row.idle and not learned.reason:
        sorts["learns"] = 0.0
    elif learned and not row.child and (part := learned.share(row.mitigation)):
        sorts["learns"] = part.value
    flags = tuple(note for note in line.notes if note.startswith(FALSE_HEALTH))
    notes = tuple(note for note in line.notes if note not in flags)
    kind = _kind(row, line)
    evidence = Evidence() if line.role == "never trained" else _evidence(board, line)
    own = line.reading.row
    of = (own.scenario, own.variant, group.modality, line.mitigation)
    return PageRow(key, row.name, row.mitigation, kind, marked, texts, sorts, dot, notes, flags, evidence, of)


def _evidence(board: Board, line: Line) -> Evidence:
    reading, made = line.reading, origin(board, [line.reading.row])
    cells = reading.cells
    sizes = {"N": {str(c.n) for c in cells}, "T": {str(c.iterations) for c in cells}}
    facts = [
        ("seeds complete", line.seeds),
        *((name, ", ".join(sorted(values))) for name, values in sizes.items() if values),
        ("from", {"entry": "committed entry", "local": "result files of this machine"}[made.origin]),
        ("commit", made.commit), ("version", made.version), ("made", made.created), ("on", made.hosts),
        ("mean worsening over iterations", number(line.area)), ("worsening an iteration, robust", number(line.slope)),
        ("onset of the worsening", "" if line.onset is None else f"iteration {line.onset}"),
        ("Holm-adjusted p against none", number(line.p_value, 2)),
        ("fails by", "; ".join(f"{s.name} from {s.onset}" for s in line.signatures if s.onset is not None)),
        ("protocol", line.protocol[:16]),
        *((name.replace("_", " "), count(getattr(line.cost, name))) for name in COSTS[2:] if line.cost),
    ]  # fmt: skip
    seeds: list[tuple[int, str, str]] = []
    told = ("", "")
    if reading.curves is not None:
        seeds = [(c.seed, number(v[0]), number(v[-1])) for c, v in zip(cells, reading.curves, strict=True)]
        told = (_mean_sd(reading.at(0)), _mean_sd(reading.at(-1)))
    return Evidence(tuple((k, v) for k, v in facts if v), made.command, tuple(seeds), told)


def _mean_sd(values: Array) -> str:
    mean, sd = mean_sd(values)
    return f"{number(mean, 4)} ± {number(sd, 2)}" if sd == sd else number(mean, 4)


def csv_lines(board: Board, found: Sequence[Section]) -> tuple[str, dict[str, str]]:
    """Return the head of the board's CSV, and the line of every row of a page that has one."""
    head, *lines = list(csv.reader(io.StringIO(csv_text(board)))) or [[]]
    keys = [
        (group.scenario, group.variant, group.modality, x.mitigation) for group in board.groups for x in group.lines
    ]
    by_key = {key: _csv_line(line) for key, line in zip(keys, lines, strict=True)}
    placed = {row.key: by_key[row.of] for section in found for row in section.rows if row.of in by_key}
    return _csv_line(head), placed


def _csv_line(fields: Sequence[str]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow([" ".join(text.split()) for text in fields])
    return stream.getvalue()

"""The film on a page: the same prompts with the same noise over iterations, what was said of the same images.

It is made of what a run left beside its pictures (`film_files`), the first seed of every row, up to a number of bytes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.planning.plan import Plan
from benchmarks.reporting.pages.colours import FAINT
from benchmarks.reporting.pages.drawn import page_svg
from benchmarks.reporting.pages.film_files import FilmData, read_film
from benchmarks.reporting.pages.grammar import Spec, layer, name_of, number_of
from benchmarks.reporting.pictures import differences
from records.names import MODALITIES, GroupName, RowName

#: Bytes of all sprites of a page at most; what does not fit is named, and lies in the run's folder.
BYTES = 4_000_000
#: Values of an attribute that are told apart; rarer ones are drawn together.
VALUES = 12
#: Flows that are drawn at most, those of the first films; of the others the numbers stand there.
DRAWN = 24
#: Films that are open at first.
OPEN = 2


@dataclass(frozen=True)
class Said:
    """What was said of one image at one step: parts of words that are "same", "lost" or "new"."""

    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Item:
    """One column of a film: what it was asked for, its place in the sprite, what was said of it at each step."""

    head: str
    rare: bool
    across: float
    said: tuple[Said, ...] = ()


@dataclass(frozen=True)
class Flow:
    """How an attribute's values flow from real data to the last iteration: a drawing, and the same as numbers."""

    name: str
    svg: str
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Film:
    """The film of one side of one row.

    Attributes:
        index: Its number on the page.
        name: Of the row and its seed.
        loop: The loop that its scenario belongs to, by which it is filtered.
        method: Mitigation.
        side: Modality.
        labels: Of the steps.
        items: Its columns.
        source: The sprite as a data address.
        rows: Rows of the sprite.
        shape: Width and height of a tile.
        flows: Of attributes, or words.
        steps: What the numbers of flows are of.
        read: Items that they are of.
        opened: Whether it is open at first.
    """

    index: int
    name: str
    loop: str
    method: str
    side: str
    labels: tuple[str, ...]
    items: tuple[Item, ...]
    source: str
    rows: int
    shape: tuple[int, int]
    flows: tuple[Flow, ...]
    steps: tuple[str, ...]
    read: int
    opened: bool


@dataclass(frozen=True)
class Films:
    """The films of a page, and the names of those for which there was no room."""

    films: tuple[Film, ...]
    left: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.films)


def films(plan: Plan, folder: Path, homes: Mapping[GroupName, str]) -> Films:
    """Return the films that a run has left in its folder, in the order of the plan.

    Args:
        plan: The plan of the run.
        folder: Of the suite's results and pictures.
        homes: Scenario variant -> the loop that it belongs to, by which a page filters.
    """
    found: list[Film] = []
    left: list[str] = []
    spent, drawn = 0, 0
    for row in plan.rows:
        home = folder.joinpath("pictures", row.scenario, row.variant, row.mitigation, f"seed={row.seeds[0]}")
        for side in MODALITIES:
            one = read_film(home, side)
            if one is None or one[0].of != row.keys[0]:
                continue
            data, sprite = one
            spent += len(sprite)
            if spent > BYTES:
                left.append(f"{data.name}, {side}")
                continue
            drawn += len(data.frequencies)
            name = RowName.of(row)
            found.append(_film(data, sprite, len(found), name, homes.get(name.group, ""), drawn <= DRAWN))
    return Films(tuple(found), tuple(left))


def _film(data: FilmData, sprite: bytes, index: int, row: RowName, loop: str, drawn: bool) -> Film:
    count = len(data.heads)
    items = tuple(
        Item(
            head, i in data.rare, round(i / max(count - 1, 1) * 100, 3),
            _said(data.captions[i]) if data.captions else (),
        )
        for i, head in enumerate(data.heads)
    )  # fmt: skip
    source = f"data:image/webp;base64,{base64.b64encode(sprite).decode()}"
    flows = tuple(_flow(name, values, data.steps, drawn) for name, values in data.frequencies.items() if values)
    return Film(
        index, data.name, loop, row.mitigation, data.side, tuple(data.labels), items, source, data.rows,
        (data.tile[0], data.tile[1]), flows, tuple(data.steps), data.read, index < OPEN,
    )  # fmt: skip


def _said(texts: Sequence[str]) -> tuple[Said, ...]:
    first, *later = texts
    return (Said((("same", first),)), *(Said(tuple(differences(first, text))) for text in later))


def _flow(name: str, values: dict[str, list[float]], steps: Sequence[str], drawn: bool) -> Flow:
    lines = sorted(values.items(), key=lambda item: -abs(item[1][-1] - item[1][0]))
    rows = tuple((value, tuple(f"{share:.1%}" for share in shares)) for value, shares in lines[:VALUES])
    if not drawn:
        return Flow(name, "", rows)
    told = "; ".join(f"{value} {shares[0]:.0%} to {shares[-1]:.0%}" for value, shares in lines[:4])
    svg = page_svg(flow_spec(name, values, steps), f"{name} from {steps[0]} to {steps[-1]}: {told}.")
    return Flow(name, svg, rows)


def flow_spec(name: str, values: Mapping[str, Sequence[float]], steps: Sequence[str]) -> Spec:
    """Return the specification of a flow: shares of an attribute's values, stacked; of words, a line each.

    Args:
        name: Of the attribute; "words" do not add up to a whole.
        values: Value -> share at each step, the most frequent of the first step first.
        steps: "real", then iterations.
    """
    kept = list(values)[:VALUES] if name == "words" else list(values)[: VALUES - 1]
    rest = [value for value in values if value not in kept]
    shown: dict[str, Sequence[float]] = {value: values[value] for value in kept}
    if rest and name != "words":
        shown[f"{len(rest)} others"] = [round(sum(values[v][i] for v in rest), 4) for i in range(len(steps))]
    records = [
        {"value": value, "order": order, "step": i, "share": shares[i]}
        for order, (value, shares) in enumerate(shown.items()) for i in range(len(steps))
    ]  # fmt: skip
    labels = {str(i): step.removeprefix("t = ") for i, step in enumerate(steps)}
    ticks = {"values": list(range(len(steps))), "labelExpr": f"{labels}[datum.value]", "grid": False}
    x = number_of("step", "iteration", scale={"nice": False}, axis=ticks)
    y = number_of("share", axis={"format": "%", "tickCount": 4, "domain": False})
    legend = {"orient": "right", "title": None, "columns": 1, "symbolType": "square"}
    colour = name_of("value", scale={"domain": list(shown), "scheme": "viridis"}, legend=legend)
    if name == "words":
        made = layer("line", {"x": x, "y": y, "color": colour}, records, strokeWidth=1.8)
    else:
        stacked = {"x": x, "y": {**y, "stack": "normalize"}, "color": colour, "order": number_of("order")}
        made = layer("area", stacked, records, stroke=FAINT, strokeWidth=0.4)
    return {"width": 230, "height": 150, **made}

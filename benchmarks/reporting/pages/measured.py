"""The page of a measured set, from its document: lines with intervals beside real ones, openings, what is wrong.

A document is what `mmcollapse measure` wrote as measure.json: of one set, or of a series of sets as `sets`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reporting.pages.render import rendered
from leaderboard.text import number

PARTS = {"text": "Captions", "images": "Pictures", "pairs": "Pairs"}
#: Pixels of a strip and of a trend.
WIDE, HIGH = 200, 34


@dataclass(frozen=True)
class MeasuredLine:
    """One measure of one set: its words, and its places from 0 to 100 on a strip of its own that begins at 0.

    Attributes:
        name: What is measured.
        about: What the number is.
        text: Value with its interval; why there is none.
        real: Of as many real items.
        p: That it is worse by chance alone, Holm-adjusted.
        word: "worse", "as real", or "".
        value: Place of the value; None where there is none.
        low: Place of the lower end.
        high: Place of the upper end.
        beside: Place of the real value; None without a reference.
    """

    name: str
    about: str
    text: str
    real: str
    p: str
    word: str
    value: float | None = None
    low: float = 0.0
    high: float = 0.0
    beside: float | None = None


@dataclass(frozen=True)
class Trend:
    """One measure over a series of sets: a small drawing from 0 up, and the numbers in words."""

    name: str
    about: str
    real: str
    cells: tuple[tuple[str, bool], ...]
    line: str
    dots: tuple[tuple[float, float, bool], ...]
    level: float | None
    told: str


def measured_page(document: Mapping[str, Any], sentences: Sequence[str], note: str, command: str) -> str:
    """Return the page of one set as HTML.

    Args:
        document: What measure.json holds.
        sentences: The answer in words.
        note: What its words mean.
        command: What makes it again.
    """
    parts = {
        title: [_line(line) for line in document["lines"] if line["part"] == part] for part, title in PARTS.items()
    }  # fmt: skip
    openings = [
        (words, f"{share:.1%}", "" if real is None else f"{real:.1%}", share, real or 0.0)
        for words, share, real in document["openings"]
    ]
    examples = document["examples"]
    wrong = [(kind, f"{count:,}", examples.get(kind, [])[:3]) for kind, count in document["counts"].items()]
    if real := document["real"]:
        wrong += [(f"real: {kind}", f"{count:,}", real["examples"][kind][:3]) for kind, count in real["counts"].items()]
    return rendered(
        "measure.html.jinja", title=Path(document["name"]).name, sentences=sentences, note=note, command=command,
        document=document, trends={}, names=[], openings=openings, wrong=wrong,
        parts={k: sorted(v, key=lambda line: line.word != "worse") for k, v in parts.items() if v},
    )  # fmt: skip


def series_page(document: Mapping[str, Any], sentences: Sequence[str], note: str, command: str) -> str:
    """Return the page of a series of sets as HTML; the same arguments."""
    sets = document["sets"]
    names = [Path(one["name"]).name for one in sets]
    found = {title: _trends(sets, part, names) for part, title in PARTS.items()}
    return rendered(
        "measure.html.jinja", title=f"{names[0]} to {names[-1]}", sentences=sentences, note=note, command=command,
        document=sets[-1], parts={}, trends={k: v for k, v in found.items() if v}, names=names, openings=[], wrong=[],
    )  # fmt: skip


def _line(line: Mapping[str, Any]) -> MeasuredLine:
    word = "" if line["word"] == "unknown" else line["word"]
    if line["value"] is None or line["low"] is None:
        return MeasuredLine(line["name"], line["about"], line["reason"] or "not told", "", "", "")
    text = f"{number(line['value'])} [{number(line['low'])}, {number(line['high'])}]"
    top = 1.05 * max(line["high"], line["real"] or 0.0, 0.0) or 1.0

    def place(value: float) -> float:
        return round(min(max(value / top, 0.0), 1.0) * 100, 1)

    beside = None if line["real"] is None else place(line["real"])
    return MeasuredLine(
        line["name"], line["about"], text, number(line["real"]), number(line["p"], 2), word, place(line["value"]),
        place(line["low"]), place(line["high"]), beside,
    )  # fmt: skip


def _trends(sets: Sequence[Mapping[str, Any]], part: str, names: Sequence[str]) -> list[Trend]:
    lines = [{line["name"]: line for line in one["lines"] if line["part"] == part} for one in sets]
    return [_trend([one.get(name) for one in lines], last, names) for name, last in lines[-1].items()]


def _trend(found: Sequence[Mapping[str, Any] | None], last: Mapping[str, Any], names: Sequence[str]) -> Trend:
    values = [None if line is None else line["value"] for line in found]
    worse = [line is not None and line["word"] == "worse" for line in found]
    known = [v for v in (*values, last["real"]) if v is not None]
    top = max(0.0, *known, 0.0) or 1.0

    def across(i: int) -> float:
        return round(6 + i / max(len(values) - 1, 1) * (WIDE - 12), 1)

    def up(value: float) -> float:
        return round(HIGH - 4 - max(value, 0.0) / top * (HIGH - 8), 1)

    dots = tuple((across(i), up(v), bad) for i, (v, bad) in enumerate(zip(values, worse, strict=True)) if v is not None)
    told = "; ".join(f"{name} {number(v) or 'not told'}" for name, v in zip(names, values, strict=True))
    return Trend(
        last["name"], last["about"], number(last["real"]),
        tuple((number(v), bad) for v, bad in zip(values, worse, strict=True)),
        " ".join(f"{x},{y}" for x, y, _ in dots), dots, None if last["real"] is None else up(last["real"]), told,
    )  # fmt: skip

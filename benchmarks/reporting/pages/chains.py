"""What is left of generation 0 in a chain over its alternations: attributes, and similarity, with what they mean."""

from __future__ import annotations

from benchmarks.reporting.pages.colours import GREY, INK, PALETTE
from benchmarks.reporting.pages.ends import End, named
from benchmarks.reporting.pages.grammar import Spec, layer, name_of, number_of
from benchmarks.reporting.pages.paper import PaperFigure, Records, beside
from leaderboard.board import Board
from leaderboard.frozen import ATTRIBUTES, SIMILARITY, Chain, chains
from leaderboard.text import counted

#: Of a plot, in pixels.
SIZE = (300, 190)
#: Name of a line -> its colour and dashes.
LINES = {
    "captions": (PALETTE[0], [1, 0]), "images": (PALETTE[1], [1, 0]), "unrelated": (GREY, [5, 3]),
    "a real pair": (INK, [2, 2]),
}  # fmt: skip


def chain_figure(board: Board) -> PaperFigure | None:
    """Return two panels a chain, attributes and similarity; None where no row is a complete chain."""
    made, records = [], []
    for chain in chains(board):
        for metrics in (ATTRIBUTES, SIMILARITY):
            found = _records(chain, metrics)
            if found:
                made.append(_panel(chain, metrics, found))
                records += [
                    {"row": str(chain.row.name), "quantity": _what(chain, metrics), **record} for record in found
                ]
    return PaperFigure("chains", beside(made), records) if made else None


def _records(chain: Chain, metrics: tuple[str, str, str]) -> Records:
    """Return means and ends over seeds; generation 0 has all of its own attributes, and is itself."""
    found: Records = []
    named = [*zip(metrics[:2], chain.sides, strict=True), (metrics[2], "unrelated")]
    named += [("real_cross", "a real pair")] if metrics is SIMILARITY else []
    known = [(name, curves) for metric, name in named if (curves := chain.curves(metric)) is not None]
    if not any(name in chain.sides for name, _ in known):
        return []
    for name, curves in known:
        if name in chain.sides and (metrics is ATTRIBUTES or name == chain.sides[0]):
            found.append({"line": name, "alternation": 0, "mean": 1.0, "low": 1.0, "high": 1.0})
        found += [
            {"line": name, "alternation": t, "mean": float(v.mean()), "low": float(v.min()), "high": float(v.max())}
            for t, v in enumerate(curves.T, start=1)
        ]
    return found


def _what(chain: Chain, metrics: tuple[str, str, str]) -> str:
    return "attributes left" if metrics is ATTRIBUTES else f"similarity to the first {chain.sides[0][:-1]}"


def _panel(chain: Chain, metrics: tuple[str, str, str], records: Records) -> Spec:
    names = [name for name in LINES if any(record["line"] == name for record in records)]
    colours = {"domain": names, "range": [LINES[name][0] for name in names]}
    dashes = {"domain": names, "range": [LINES[name][1] for name in names]}
    ticks = {"grid": False, "format": "d", "tickMinStep": 1, "tickCount": 10}
    x = number_of("alternation", "alternations", axis=ticks, scale={"domain": [0, chain.alternations], "nice": False})
    low = min(0.0, *(record["low"] for record in records))
    y = number_of("mean", scale={"domain": [low, 1], "nice": False}, axis={"tickCount": 5, "domain": False})
    mean = {"x": x, "y": y, "color": name_of("line", legend=None, scale=colours)}
    band = {**mean, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    ends = [End([r["mean"] for r in records if r["line"] == name][-1], name, LINES[name][0]) for name in names]
    layers = [
        layer("area", band, where=f"indexof({list(chain.sides)}, datum.line) >= 0", fillOpacity=0.14),
        layer("line", {**mean, "strokeDash": name_of("line", legend=None, scale=dashes)}, strokeWidth=2),
        *named(ends, x, y, SIZE),
    ]
    about = f"{_what(chain, metrics)}, {counted(len(chain.cells), 'seed')}"
    title = {"text": str(chain.row.name), "subtitle": about, "subtitleColor": GREY}
    return {"title": title, "width": SIZE[0], "height": SIZE[1], "data": {"values": records}, "layer": layers}

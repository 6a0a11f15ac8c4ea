"""What a survey says to people: one screen, and a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from benchmarks.survey.tally import Side, Tally
from leaderboard.claims.correlation import VARIANTS_TO_DECIDE
from leaderboard.fitting import LINES, cut, files, fitted, listed, wrap
from leaderboard.preferences import RATERS_TO_DECIDE
from leaderboard.statistics import LEVEL, rank_ranges
from leaderboard.text import aligned, counted
from leaderboard.text import markdown_escape as escape
from records.names import MetricName

FILES = (("answer", "survey.md, survey.json"), ("table", "survey.csv"))
HEAD = ("", "strength [95 %]", "rank", "votes won")
NOTE = (
    "strength: log-odds beside the mean (Bradley-Terry); intervals are over raters and questions; rank: what they "
    f"leave open (Holm). Metrics are told from chance by {VARIANTS_TO_DECIDE} contestants or more."
)
#: Metrics that the screen names, a side.
MOST_METRICS = 3


def sentences(found: Tally) -> list[str]:
    """Return the answer in words: who is preferred, whether raters agree, who does not count."""
    said = [line for side in found.sides for line in _of_side(side, len(found.counted))]
    if out := found.left_out:
        said.append(f"Left out: {listed([f'{rater.name} ({rater.out})' for rater in out], 4)}.")
    if found.refused:
        said.append(f"Refused: {counted(len(found.refused), 'file')}, named in survey.md.")
    return said


def _of_side(side: Side, raters: int) -> list[str]:
    noun = "captions" if side.side == "captioner" else "pictures"
    if side.ranking is None:
        return [f"{side.side}: nothing to say ({side.reason})."]
    if side.ranking.spread is None:
        return [f"{side.side}: {counted(raters, 'rater')}; {RATERS_TO_DECIDE} are needed to tell anything from chance."]
    told = [(a, b) for a, b in _decided(side)]
    total = len(side.names) * (len(side.names) - 1) // 2
    said = []
    best = [name for name in side.names if sum(a == name for a, _ in told) == len(side.names) - 1]
    if best:
        said.append(f"People like the {noun} of {best[0]} best, beyond chance.")
    others = [f"{a} over {b}" for a, b in told if a not in best]
    if others:
        said.append(f"They prefer {listed(others, 3)}." if best else f"People prefer, of {noun}, {listed(others, 3)}.")
    said.append(f"{side.side}: {len(told)} of {total} pairs are told apart.")
    if (alpha := side.agreement.alpha) is not None:
        low, high = side.agreement.low, side.agreement.high
        interval = "" if low is None or high is None else f" {_between(low, high)}"
        said[-1] = said[-1][:-1] + f"; raters agree with alpha = {_two(alpha)}{interval}."
    return said


def _decided(side: Side) -> list[tuple[str, str]]:
    """Return the pairs (preferred, other) that are told apart, the farthest first."""
    ranking = side.ranking
    assert ranking is not None
    found = []
    for i, j in combinations(range(len(side.names)), 2):
        if ranking.p_values[i, j] < 1 - LEVEL:
            gap = ranking.strength[i] - ranking.strength[j]
            found.append((abs(gap), (side.names[i], side.names[j]) if gap > 0 else (side.names[j], side.names[i])))
    return [pair for _, pair in sorted(found, key=lambda x: -x[0])]


def ranks(side: Side) -> dict[str, tuple[int, int]]:
    """Return contestant -> the ranks that the votes leave open."""
    ranking = side.ranking
    if ranking is None or ranking.spread is None:
        return {}
    index = {name: i for i, name in enumerate(side.names)}
    values = {name: [float(ranking.strength[i])] for name, i in index.items()}
    return rank_ranges(values, "up", test=lambda one, other: ranking.p_value(index[one], index[other]))


def rows(side: Side) -> list[tuple[str, str, str, str]]:
    """Return the cells of `HEAD`, the most liked contestant first."""
    ranking = side.ranking
    if ranking is None:
        return [(name, "", "", "") for name in side.names]
    places = ranks(side)
    made = []
    for i in sorted(range(len(side.names)), key=lambda i: -ranking.strength[i]):
        interval = ranking.interval(i)
        shown = f" {_between(*interval)}" if interval else ""
        place = "-".join(map(str, places[side.names[i]])) if places else ""
        won, total = float(ranking.won[i].sum()), float((ranking.won[i] + ranking.won[:, i]).sum())
        made.append((side.names[i], f"{_two(ranking.strength[i])}{shown}", place, f"{won:g} of {total:g}"))
    return made


def closest(side: Side) -> list[tuple[str, str, str]]:
    """Return metric, rank correlation with its interval, and p value; those closest to people first."""
    return [
        (a.metric, _two(a.part.effect) + (f" {_between(*a.interval)}" if a.interval else ""), f"{a.p_value:.2g}")
        for a in side.along
    ]


def _short(metric: str) -> str:
    """Return a metric without its side and its number of items."""
    return replace(MetricName.parse(metric), n=None).beside


def _two(value: float) -> str:
    """Return two digits of a number; what is left of rounding is 0."""
    return f"{round(float(value), 2) + 0.0:.2f}"


def _between(low: float, high: float) -> str:
    return f"[{_two(low)}, {_two(high)}]"


def screen(found: Tally, folder: Path) -> str:
    """Return the screen, at most `LINES` lines of `WIDTH` columns."""
    key = found.key
    head = wrap(
        f"{key.suite}: people's votes on {key.of}; {counted(len(found.counted), 'rater')} of {len(found.raters)} count"
    )
    words = [line for text in sentences(found) for line in wrap(text)]
    tail = ["", *wrap(NOTE), "", *files(folder, FILES)]
    room = LINES - len(head) - len(tail) - 3
    words = fitted(words, room // 2, "line", "survey.md")
    blocks: list[str] = []
    for side in found.sides:
        lines = aligned(rows(side), (side.side, *HEAD[1:]))
        blocks += ["", *map(cut, lines)]
    beside: list[str] = []
    for side in found.sides:
        if side.along:
            best = [f"{_short(metric)} {found}" for metric, found, _ in closest(side)[:MOST_METRICS]]
            several = f"{len(side.along)} metrics, {side.along[0].part.n} contestants"
            beside.append(cut(f"{side.side} ({several}): closest to people are {', '.join(best)}"))
        elif side.ranking is not None:
            beside += wrap(f"{side.side}: no metric beside people: four contestants with result files are needed.")
    blocks += ["", *beside] if beside else []
    return "\n".join([*head, "", *words, *fitted(blocks, room - len(words), "line", "survey.md"), *tail]) + "\n"


def page(found: Tally) -> str:
    """Return survey.md."""
    key = found.key
    lines = [f"# What people say of {escape(key.suite)}", ""]
    lines += [
        f"{counted(len(found.counted), 'rater')} of {len(found.raters)} count, on {key.of} of the suite "
        f"(survey `{key.survey[:8]}`).", "", *(f"- {escape(text)}" for text in sentences(found)), "",
    ]  # fmt: skip
    for side in found.sides:
        lines += [f"## {side.side}", "", f"{counted(side.votes, 'vote')}, {side.ties} of them ties.", ""]
        about = {c.name: (c.row or "people", str(c.iteration)) for c in side.contestants}
        lines += [*_table([(*row, *about[row[0]]) for row in rows(side)], ("contestant", *HEAD[1:], "row", "t")), ""]
        if side.ranking is not None and side.ranking.spread is not None:
            head = ("pair", "difference [95 %]", "p (Holm)", "won")
            lines += ["Differences of strengths:", "", *_table(_pairs(side), head), ""]
        if side.along:
            title = ("metric", "Spearman with people [95 %]", "p (Holm)")
            lines += ["1 = the metric ranks the contestants as people do.", "", *_table(closest(side), title), ""]
    lines += ["## Raters", "", f"Counted is who has {key.needed} of {len(key.checks)} checks right.", ""]
    raters = [
        (r.name, str(r.answers), f"{r.right} of {r.checks}", f"{r.seconds:.1f}",
         "" if r.left is None else f"{r.left:.0%}", r.out or "counted")
        for r in found.raters
    ]  # fmt: skip
    lines += [*_table(raters, ("rater", "answers", "checks right", "median s", "left", "")), ""]
    if found.refused:
        lines += ["## Refused files", "", *(f"- {escape(text)}" for text in found.refused), ""]
    if key.same:
        same = [(pair, str(count)) for pair, count in sorted(key.same.items())]
        lines += ["## The same on both sides", "", "Items on which two made the same are not asked about.", ""]
        lines += [*_table(same, ("pair", "items")), ""]
    return "\n".join([*lines, NOTE]) + "\n"


def _pairs(side: Side) -> list[tuple[str, str, str, str]]:
    ranking = side.ranking
    assert ranking is not None
    made = []
    for i, j in combinations(range(len(side.names)), 2):
        a, b = (i, j) if ranking.strength[i] >= ranking.strength[j] else (j, i)
        low, high = ranking.interval(a, b) or (math.nan, math.nan)
        share = ranking.share(a, b)
        gap = ranking.strength[a] - ranking.strength[b]
        made.append((
            f"{side.names[a]} over {side.names[b]}", f"{_two(gap)} {_between(low, high)}",
            f"{ranking.p_values[a, b]:.2g}", "" if share is None else f"{share:.0%}",
        ))  # fmt: skip
    return sorted(made, key=lambda row: row[0])


def _table(body: Sequence[Sequence[str]], head: Sequence[str]) -> list[str]:
    first, *others = [f"| {' | '.join(map(escape, row))} |" for row in (head, *body)]
    return [first, f"|{'---|' * len(head)}", *others]

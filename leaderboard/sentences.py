"""What a board says, in sentences that follow from its numbers.

A method *protects* a side, or *makes it worse*, where its difference to `none` at T is told from zero by a paired t
test, Holm-adjusted over all rows of the loop that have a number; otherwise it makes *no clear difference*, which is not
*none*: how large one may be says the interval of that row. Where its numbers are those of `none` to the last bit it
*changes nothing*, and where they never move it *keeps the side where it began*. Nothing is said of a side whose
controls say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from leaderboard import frozen
from leaderboard import statistics as st
from leaderboard.board import Board, Group
from leaderboard.controls import Controls
from leaderboard.fitting import listed
from leaderboard.grain import below
from leaderboard.line import Line
from leaderboard.loops import Loop, loops
from leaderboard.text import counted, number
from records.names import MODALITIES, MetricName

Verdict = Literal["protects", "unclear", "worse", "nothing", "still"]
NAMED = 5  # so many names of one sentence; the others are counted


def headline(board: Board) -> list[str]:
    """Return the sentences of a board, the most important first: what collapses, what helps, what is not known."""
    found = loops(board)
    if not any(line.reading.curves is not None for group in board.groups for line in group.lines):
        return ["No row is complete: there is nothing to say yet.", *_unknown(found)]
    first, others = found[0], found[1:]
    own = [f"In {first.name}: {sentence}" if others else _capital(sentence) for sentence in damage(first)]
    said = [*own, *map(_capital, controls(first)), *effects(first), *_unknown(found[:1]), *limits(first)]
    return [*said, *(f"In {loop.name}: {sentence}" for loop in others for sentence in (*damage(loop), *unsound(loop)))]


def sizes(board: Board) -> str:
    """Return how large the loop that matters most is, such as "5 seeds, 5 iterations, 512 pairs an iteration"."""
    lines = [line for group in loops(board)[0].groups for line in group.lines]
    cells = next((line.reading.cells for line in lines if line.reading.cells), ())
    parts = [counted(len(lines[0].reading.row.seeds), "seed")]
    if cells:
        parts += [counted(cells[0].iterations, "iteration"), f"{counted(cells[0].n, 'pair')} an iteration"]
    return ", ".join(parts)


def damage(loop: Loop) -> list[str]:
    """Return, per side, what the metric did from iteration 0 to T on own output and on real pairs.

    Of a chain, in which nothing trains, what is left of what it began with.
    """
    sentences = []
    for group in loop.groups:
        if group.modality not in MODALITIES:
            chains = [(line, frozen.chain_of(line.reading)) for line in group.lines]
            sentences += [f"{_under(line)}{frozen.headline(chain)}." for line, chain in chains if chain]
            continue
        known = {x.mitigation: x for x in group.lines if x.role == "control" and x.worsening is not None}
        if "none" not in known:
            continue
        none, real = known["none"], known.get("real")
        iterations = counted(max(cell.iterations for cell in none.reading.cells), "iteration")
        metric = MetricName.parse(group.metric).metric.replace("_", " ")
        text = f"on own output the {group.modality}'s {metric} {_change(none, group.direction)} in {iterations}"
        sentences.append(f"{text}{_beside(none, real, group.direction) if real else ''}.")
    return sentences


def _under(line: Line) -> str:
    return "" if line.mitigation == "none" else f"under {line.mitigation} "


def _change(line: Line, direction: str) -> str:
    """Say how a metric moved: by how much where the interval excludes zero, that it did not clearly where not."""
    worse = line.worsening
    assert worse is not None
    verb = "rises" if (worse.mean > 0) == (direction == "down") else "falls"
    alone = worse.n < st.SEEDS_FOR_INTERVALS
    if worse.mean == 0.0 and (alone or worse.low == worse.high):
        return "does not change"
    if alone:
        return f"{verb} by {number(abs(worse.mean))}"
    if worse.low <= 0 <= worse.high:
        return "does not clearly change"
    low, high = sorted((abs(worse.low), abs(worse.high)))
    return f"{verb} by {number(abs(worse.mean))} [{number(low)}, {number(high)}]"


def _beside(none: Line, real: Line, direction: str) -> str:
    """Say how it moved on real pairs, in short where that is the same way as on own output."""
    text, same = _change(real, direction), _change(none, direction).partition(" by ")[0]
    return f", on real pairs {text.removeprefix(f'{same} ') if text.startswith(f'{same} by ') else f'it {text}'}"


def controls(loop: Loop) -> list[str]:
    """Return why nothing can be said of methods, per side where that is so; nothing where it can."""
    return _silences(group for group in loop.groups if group.modality != "set")


def unsound(loop: Loop) -> list[str]:
    """Return the same of the sides alone that have numbers all the same."""
    return _silences(group for group in loop.groups if group.controls.unsound)


def _silences(groups: Iterable[Group]) -> list[str]:
    sentences: dict[str, list[str]] = {}
    for group in groups:
        if reason := silent(group.controls):
            sentences.setdefault(reason, []).append(f"the {group.modality}")
    return [f"{listed(sides)}: {reason}." for reason, sides in sentences.items() if any(x != "the " for x in sides)]


def silent(found: Controls) -> str:
    """Say why methods cannot be judged against these controls; "" where they can."""
    if found.problem:
        return f"nothing is scored ({found.problem})"
    if found.gap is not None and found.gap.n < st.SEEDS_FOR_INTERVALS:
        return "one seed has no interval, so nothing can be told from noise"
    if not found.collapsed:
        return "own output does not clearly harm more than real pairs, so there is no collapse to prevent"
    if found.validity.valid is None:
        return "own output does no harm, real pairs only do better, so there is no collapse to prevent"
    if found.validity.valid is False and found.validity.share is not None:
        share = f"{found.validity.share:.0%} of what own output does (limit {st.VALIDITY_SHARE:.0%})"
        return f"real pairs harm by {share}: a harsh fit, not collapse alone, so methods are not judged"
    return ""


def effects(loop: Loop) -> list[str]:
    """Return which methods protect which side, make no clear difference, or make it worse; the best first."""
    told = verdicts(loop)
    patterns: dict[tuple[tuple[str, Verdict], ...], list[str]] = {}
    for row in loop.rows:
        if found := told.get(row.name):
            patterns.setdefault(tuple(found.items()), []).append(row.name)

    def order(pattern: tuple[tuple[str, Verdict], ...]) -> tuple[int, int]:
        found = [verdict for _, verdict in pattern]
        return -found.count("protects"), -found.count("worse")

    return [f"{_effect(patterns[p], dict(p), len(loop.groups))}." for p in sorted(patterns, key=order)]


def verdicts(loop: Loop) -> dict[str, dict[str, Verdict]]:
    """Return row -> side -> verdict, for rows with a number on sides whose controls say something."""
    found: dict[str, dict[str, Verdict]] = {}
    for group in loop.groups:
        if silent(group.controls):
            continue
        for row in loop.rows:
            line = row.lines.get(group.modality)
            if row.judged and line is not None and line.p_family is not None:
                none = line.controls.reading("none").curves  # at the row's seeds, which may be fewer
                found.setdefault(row.name, {})[group.modality] = _verdict(line, none, line.p_family)
    return found


def _verdict(line: Line, none: np.ndarray | None, p: float) -> Verdict:
    own = line.reading.curves
    if own is not None and none is not None and np.array_equal(own, none):
        return "nothing"
    if own is not None and own.shape[1] > 1 and (own == own[:, :1]).all():
        return "still"
    if line.gain is None or not below(p, 1 - st.LEVEL):
        return "unclear"
    return "protects" if line.gain.mean > 0 else "worse"


def _effect(names: Sequence[str], found: dict[str, Verdict], sides: int) -> str:
    """Put one pattern of verdicts into words: "x protects the captioner; no clear difference for the generator"."""
    several = len(names) > 1

    def those(verdict: Verdict) -> str:
        chosen = [f"the {side}" for side, v in found.items() if v == verdict]
        both = "either side" if verdict == "unclear" else "both sides"
        return both if len(chosen) == sides > 1 else listed(chosen)

    parts = []
    if protected := those("protects"):
        parts.append(f"protect{'' if several else 's'} {protected}")
    if harmed := those("worse"):
        parts.append(f"make{'' if several else 's'} {harmed} worse")
    if kept := those("still"):
        parts.append(f"keep{'' if several else 's'} {kept} where it began: the numbers never move")
    if same := those("nothing"):
        parts.append(
            f"change{'' if several else 's'} nothing for {same}: the numbers are those of none to the last bit"
        )
    text = f"{listed(names, NAMED)} {' and '.join(parts)}" if parts else ""
    unclear = those("unclear")
    if not unclear:
        return text
    if text:
        return f"{text}; no clear difference for {unclear}"
    return f"{listed(names, NAMED)} make{'' if several else 's'} no clear difference for {unclear}"


def limits(loop: Loop) -> list[str]:
    """Return what so few seeds often miss."""
    judged = [group for group in loop.groups if not silent(group.controls)]
    if not judged:
        return []
    seeds = min(len(line.reading.row.seeds) for group in judged for line in group.lines)
    told = verdicts(loop)
    lines = [line for row in loop.rows if row.name in told for line in row.lines.values()]
    fewest = min((len(line.reading.row.seeds) for line in lines), default=seeds)
    few = seeds < st.SEEDS_FOR_RANKS
    seen = [f"{share} ({group.modality})" for group in judged if (share := _detectable(group))]
    parts = [f"methods are not ranked, which takes {st.SEEDS_FOR_RANKS}"] if few else []
    if seen and (few or any("unclear" in found.values() for found in told.values())):
        sizes_of = f"differences of {' and '.join(seen)} of the collapse"
        parts.append(f"{sizes_of} are found four times in five, smaller ones are often missed")
    but = f" (scenarios that mitigate: {fewest} or more)" if fewest < seeds else ""
    return [f"With {seeds} seeds{but}, {'; '.join(parts)}."] if parts and told else []


def _detectable(group: Group) -> str:
    """Return the difference that is found four times in five, as a share of the collapse; "" where unknown."""
    if group.power is None or not group.power.difference or group.controls.gap is None:
        return ""
    return f"{group.power.difference / group.controls.gap.mean:.0%}"


def _unknown(found: Iterable[Loop]) -> list[str]:
    """Name the rows that have no number, with the reason, and apart from them those that nobody has run yet."""
    rows: dict[str, str] = {}
    idle: dict[str, None] = {}
    for loop in found:
        for row in loop.rows:
            problem = next((x.reading.problem for x in row.lines.values() if x.reading.problem), "")
            label = next((x.headline for x in row.lines.values() if x.headline.startswith("not comparable")), "")
            if not any(line.reading.cells for line in row.lines.values()):
                idle[row.name] = None
            elif problem or label:
                rows.setdefault(row.name, problem or label)
    said = [f"No number: {listed([f'{name} ({why})' for name, why in rows.items()], NAMED)}."] if rows else []
    return [*said, f"Not run yet: {listed(list(idle), NAMED)}."] if idle else said


def _capital(text: str) -> str:
    """Begin a sentence in a capital, but not where a method's name does."""
    first = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if first in ("on", "the", "after") else text

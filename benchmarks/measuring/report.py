"""What `measure` says: one screen, and a page for a data set card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring.lines import HALVES, LEVEL, RELEVANT, Line
from benchmarks.measuring.measure import Compared, Measured
from leaderboard.fitting import LINES, cut, files, listed, wrap
from leaderboard.text import aligned, counted, number
from leaderboard.text import markdown_escape as escape

if TYPE_CHECKING:
    from benchmarks.measuring.damage import Damage

HEAD = ("", "set [95 %]", "real", "p (Holm)", "")
NOTE = (
    f"worse: beyond chance (one-sided, Holm over all lines, {LEVEL:.0%}) and by more than {RELEVANT:.0%}. Copies, then "
    "openings that are worse, are taken away before what stands below them is measured."
)
PARTS = {"text": "captions", "images": "pictures", "pairs": "pairs"}


def sentences(
    found: Measured,
    compared: Mapping[str, Compared] | None = None,
    damaged: Sequence[Damage] = (),
) -> list[str]:
    """Return the answer in words: what is worse, what is not told from chance, what could not be measured."""
    said = []
    if found.against:
        bad, whole = ([line for line in found.worse if line.whole == wanted] for wanted in (False, True))
        beside = f"beside {counted(found.measured, 'real item')} of {found.against}"
        if bad:
            said.append(f"Worse {beside}: {listed(list(map(_with_numbers, bad)), 6)}.")
        if whole:
            start = "As a whole worse, too" if bad else f"As a whole worse {beside}"
            said.append(f"{start}: {listed(list(map(_with_numbers, whole)), 3)}.")
        if not found.told_apart:
            said.append(f"Nothing could be compared with {counted(found.measured, 'real item')} of {found.against}.")
        elif not bad and not whole:
            said.append(f"Nothing is worse {beside} than chance would have it.")
    elif not compared:
        said.append("There is nothing to compare with: --against REAL says what of this is more than chance.")
    if any(line.name == "opening" and line.word == "worse" for line in found.lines) and found.openings:
        words, share, theirs = found.openings[0]
        real = "" if theirs is None else f", and {theirs:.0%} of people's"
        said.append(f'{share:.0%} of the captions begin "{words}"{real}.')
    said.append(_wrong(f"Of {counted(found.n, 'item')}", found.counts) or f"All {found.n:,} items can be read.")
    if found.real is not None and (real := _wrong(f"Of {counted(found.real.n, 'real item')}", found.real.counts)):
        said.append(real)
    if found.copies:
        said.append(
            f"{counted(found.copies, 'picture')} {'is' if found.copies == 1 else 'are'} byte for byte another one."
        )
    if found.taken:
        said.append(
            f"{counted(found.taken, 'picture')} {'is' if found.taken == 1 else 'are'} byte for byte a real one."
        )
    if few := [line for line in found.lines if line.reason]:
        said.append(f"Not told: {few[0].name}{' and others' * (len(few) > 1)} ({few[0].reason}).")
    said += [text for name, one in (compared or {}).items() for text in _beside(name, one)]
    return said + [one.sentence for one in damaged]


def _wrong(of: str, counts: Mapping[str, int]) -> str:
    return f"{of}: {listed([f'{count:,} {kind}' for kind, count in counts.items()], 6)}." if counts else ""


def _beside(name: str, found: Compared) -> list[str]:
    """Return what is worse than in an earlier set, and what could not be compared with it."""
    moved = listed([f"{named(line)} ({number(line.value)}, was {number(line.real)})" for line in found.worse], 6)
    said = [f"Worse than {name}: {moved}." if moved else f"Nothing is worse than in {name}."]
    if not found.lines:
        said = [f"Nothing could be compared with {name}."]
    alike: dict[str, list[tuple[Line, str]]] = {}
    for line, why in found.unlike:  # numbers of items differ a little from line to line
        alike.setdefault("of" if why.startswith("of ") else why, []).append((line, why))
    for (line, why), *others in alike.values():
        more = f" and {counted(len(others), 'other line')}" if others else ""
        said.append(f"Not compared: {named(line)}{more}, {why}.")
    return said


def _with_numbers(line: Line) -> str:
    return f"{named(line)} ({number(line.value)} for {number(line.real)})"


def named(line: Line) -> str:
    """Return what a line is called in a sentence."""
    return f"{line.name.replace('_', ' ')} of {PARTS[line.part]}"


def screen(
    found: Measured,
    folder: Path,
    written: Sequence[tuple[str, str]],
    compared: Mapping[str, Compared] | None = None,
    damaged: Sequence[Damage] = (),
) -> str:
    """Return the answer on one screen."""
    head = wrap(f"{found.name}: {counted(found.n, 'item')}, {found.measured:,} of them measured")
    words = [line for text in sentences(found, compared, damaged) for line in wrap(text)]
    tail = ["", *wrap(NOTE), "", *map(cut, read_as(found)), *files(folder, written)]
    room = LINES - len(head) - len(words) - len(tail) - 4
    names, rule, *body = map(cut, aligned(_rows(_shown(found.lines, room)), HEAD))
    left = len(found.lines) - sum(row.startswith("  ") for row in body)
    more = [f"... {counted(left, 'more line')} in measure.md"] if left else []
    return "\n".join([*head, "", *words, "", names, rule, *body, *more, *tail]) + "\n"


def _shown(lines: Sequence[Line], room: int) -> list[Line]:
    """Return what there is room for, in their order: what is worse, then what says what is wrong, then the rest."""
    room -= len({line.part for line in lines})
    if len(lines) <= room:
        return list(lines)
    ranks = sorted(range(len(lines)), key=lambda i: (lines[i].word != "worse", lines[i].whole, not lines[i].worse, i))
    kept = sorted(ranks[: max(1, room - 1)])
    return [lines[i] for i in kept]


def _rows(lines: Sequence[Line]) -> list[list[str]]:
    rows: list[list[str]] = []
    for part, title in PARTS.items():
        own = [[f"  {line.name}", *_cells(line)] for line in lines if line.part == part]
        rows += [[title], *own] if own else []
    return rows


def _cells(line: Line) -> list[str]:
    if line.value is None or line.interval is None:
        return ["", "", "", "not told"]
    low, high = line.interval
    value = f"{number(line.value)} [{number(low)}, {number(high)}]"
    return [value, number(line.real), number(line.p, 2), "" if line.word == "unknown" else line.word]


def page(
    found: Measured,
    compared: Mapping[str, Compared] | None = None,
    damaged: Sequence[Damage] = (),
) -> str:
    """Return a page in Markdown, ready for a data set card."""
    parts = [
        f"# {escape(Path(found.name).name)}, measured",
        "\n".join(f"- {escape(text)}" for text in sentences(found, compared, damaged)),
        f"{counted(found.n, 'item')}, {found.measured:,} of them measured"
        + (f" beside as many of {escape(found.against)}. " if found.against else ". ")
        + f"Intervals are of half-samples ({HALVES}). {NOTE}",
    ]
    for part, title in PARTS.items():
        lines = [line for line in found.lines if line.part == part]
        if lines:
            parts.append(f"## {title.capitalize()}\n\n{_table(lines)}")
    if found.openings:
        rows = [
            f"| {escape(words)} | {share:.1%} | {'' if real is None else f'{real:.1%}'} |"
            for words, share, real in found.openings
        ]
        parts.append("\n".join(["## How captions begin", "", "| words | set | real |", "|---|---:|---:|", *rows]))
    if found.judges:
        rows = [f"- {escape(name)}: {escape(about)}" for name, about in found.judges.items()]
        parts.append("\n".join(["## Who judged", "", *rows]))
    if damaged:
        parts.append(_damage(damaged))
    parts += _defects("items", found.counts, found.examples)
    if found.real is not None:
        parts += _defects("real items", found.real.counts, found.real.examples)
    return "\n\n".join([*parts, *map(escape, read_as(found))]) + "\n"


def read_as(found: Measured) -> list[str]:
    """Return what the set was read as, and the real items."""
    return [found.told, *([found.real.told] if found.real is not None else [])]


def _defects(of: str, counts: Mapping[str, int], examples: Mapping[str, Sequence[str]]) -> list[str]:
    rows = [
        f"| {escape(kind)} | {count:,} | {escape(', '.join(list(examples.get(kind, []))[:3]))} |"
        for kind, count in counts.items()
    ]
    head = [f"## What is wrong with {of}", "", "| what | how many | such as |", "|---|---:|---|"]
    return ["\n".join([*head, *rows])] if rows else []


def _damage(damaged: Sequence[Damage]) -> str:
    from benchmarks.measuring.damage import predictors  # scipy and the committed entries: where it was asked for

    rows = [
        f"| {one.side} | {escape(one.metric)} | {number(one.base)} | {number(one.real)} | {number(one.value)} | "
        f"{number(one.worse)} [{number(one.low)}, {number(one.high)}] | {one.word} |"
        for one in damaged
    ]
    head = "| learns | by | before | on real pairs | on the set | worse by [95 %] | |"
    about = f"One fit from the same base, {damaged[0].seeds} seeds, as many pairs each."
    goes = [f"- {escape(statement)} ({escape(effect)})" for statement, effect in predictors()]
    said = "What a cheap measure tells of it, found on drawn scenes (`scenes_quality`):"
    table = [head, "|---|---|---:|---:|---:|---:|---|", *rows]
    return "\n".join(["## What it does to a model", "", about, "", *table, "", said, "", *goes])


def _table(lines: Sequence[Line]) -> str:
    rows = [f"| {line.name} | {escape(line.about)} | {' | '.join(map(escape, _cells(line)))} |" for line in lines]
    return "\n".join(["| line | what | set [95 %] | real | p (Holm) | |", "|---|---|---:|---:|---:|---|", *rows])

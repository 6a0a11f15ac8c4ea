"""What `measure` says: one screen, and a page for a data set card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring.lines import HALVES, LEVEL, RELEVANT, Line
from benchmarks.measuring.measure import Measured
from leaderboard.fitting import LINES, cut, files, fitted, listed, wrap
from leaderboard.text import aligned, counted, number
from leaderboard.text import markdown_escape as escape

HEAD = ("", "set [95 %]", "real", "p (Holm)", "")
NOTE = (
    f"worse: beyond chance (one-sided, Holm over all lines, {LEVEL:.0%}) and by more than {RELEVANT:.0%}. Copies, then "
    "openings that are worse, are taken away before what stands below them is measured."
)
PARTS = {"text": "captions", "images": "pictures"}


def sentences(found: Measured, earlier: Sequence[Line] | None = None) -> list[str]:
    """Return the answer in words: what is worse, what is not told from chance, what could not be measured."""
    said = []
    if found.against:
        bad = [f"{named(line)} ({number(line.value)} for {number(line.real)})" for line in found.worse]
        beside = f"beside {counted(found.measured, 'real item')} of {found.against}"
        said.append(
            f"Worse {beside}: {listed(bad, 6)}." if bad else f"Nothing is worse {beside} than chance would have it."
        )
    else:
        said.append("There is nothing to compare with: --against REAL says what of this is more than chance.")
    if any(line.name == "opening" and line.word == "worse" for line in found.lines) and found.openings:
        words, share, theirs = found.openings[0]
        real = "" if theirs is None else f", and {theirs:.0%} of people's"
        said.append(f'{share:.0%} of the captions begin "{words}"{real}.')
    wrong = [f"{count:,} {kind}" for kind, count in found.counts.items()]
    said.append(
        f"Of {counted(found.n, 'item')}: {listed(wrong, 6)}." if wrong else f"All {found.n:,} items can be read."
    )
    if found.copies:
        said.append(
            f"{counted(found.copies, 'picture')} {'is' if found.copies == 1 else 'are'} byte for byte another one."
        )
    if few := [line for line in found.lines if line.reason]:
        said.append(f"Not told: {few[0].name}{' and others' * (len(few) > 1)} ({few[0].reason}).")
    if earlier is not None:
        moved = listed([f"{named(line)} ({number(line.value)}, was {number(line.real)})" for line in earlier], 6)
        said.append(f"Worse than the baseline: {moved}." if earlier else "Nothing is worse than in the baseline.")
    return said


def named(line: Line) -> str:
    """Return what a line is called in a sentence."""
    return f"{line.name.replace('_', ' ')} of {PARTS[line.part]}"


def screen(
    found: Measured, folder: Path, written: Sequence[tuple[str, str]], earlier: Sequence[Line] | None = None
) -> str:
    """Return the answer on one screen."""
    head = wrap(f"{found.name}: {counted(found.n, 'item')}, {found.measured:,} of them measured")
    words = [line for text in sentences(found, earlier) for line in wrap(text)]
    tail = ["", *wrap(NOTE), "", *files(folder, written)]
    parts = [(part, [line for line in found.lines if line.part == part]) for part in PARTS]
    rows = [row for part, lines in parts if lines for row in _rows(part, lines)]
    names, rule, *body = map(cut, aligned(rows, HEAD))
    room = LINES - len(head) - len(words) - len(tail) - 4
    return "\n".join([*head, "", *words, "", names, rule, *fitted(body, room, "line", "measure.md"), *tail]) + "\n"


def _rows(part: str, lines: Sequence[Line]) -> list[list[str]]:
    return [[PARTS[part]], *([f"  {line.name}", *_cells(line)] for line in lines)]


def _cells(line: Line) -> list[str]:
    if line.value is None or line.interval is None:
        return ["", "", "", "not told"]
    low, high = line.interval
    value = f"{number(line.value)} [{number(low)}, {number(high)}]"
    return [value, number(line.real), number(line.p, 2), "" if line.word == "unknown" else line.word]


def page(found: Measured, earlier: Sequence[Line] | None = None) -> str:
    """Return a page in Markdown, ready for a data set card."""
    parts = [
        f"# {escape(Path(found.name).name)}, measured",
        "\n".join(f"- {escape(text)}" for text in sentences(found, earlier)),
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
    if found.counts:
        rows = [
            f"| {escape(kind)} | {count:,} | {escape(', '.join(found.examples.get(kind, [])[:3]))} |"
            for kind, count in found.counts.items()
        ]
        parts.append(
            "\n".join(["## What is wrong with items", "", "| what | how many | such as |", "|---|---:|---|", *rows])
        )
    return "\n\n".join([*parts, escape(found.told)]) + "\n"


def _table(lines: Sequence[Line]) -> str:
    rows = [f"| {line.name} | {escape(line.about)} | {' | '.join(map(escape, _cells(line)))} |" for line in lines]
    return "\n".join(["| line | what | set [95 %] | real | p (Holm) | |", "|---|---|---:|---:|---:|---|", *rows])

"""Tables inside hand-written pages, filled in from committed boards, so that no number in a text is copied by hand.

A page says where a table goes and what is in it, by one comment line before and one after:

    <!-- board scenes_board_captioner single_model_captioner/default captioner -->
    <!-- loop board joint_finetune/real_prompts -->
    <!-- claims scenes_ten -->
    <!-- verdicts scenes_ten scenes_quality -->
    <!-- end -->

`board` has one side of a loop, `loop` all of them. `claims` has effects and p values, `verdicts` only what was found,
of several suites. Further kinds of blocks come with the functions that make their rows, such as those of
`benchmarks.reporting.declared`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from leaderboard.loops import NEVER
from leaderboard.text import count, markdown_escape, number, share
from records.errors import UsageError, naming
from records.names import GroupName, MetricName

BLOCK = r"(?P<head><!-- (?P<kind>{}) (?P<words>[^>]*?) -->\n)(?P<body>.*?)(?P<end><!-- end -->)"
HEAD = "| method | {} at T | worsening ± sd | collapse prevented [95 %] | rank | p (Holm) | evaluations | real pairs |"
#: Pages with such tables, below the project's folder.
PAGES = ("README.md", "docs/results.md", "docs/claims.md", "docs/metrics.md", "docs/methods.md")
#: Kind of block -> makes its rows, the head first, from the words that follow the kind; cells are Markdown.
Makers = Mapping[str, Callable[[Sequence[str]], list[Sequence[str]]]]
#: A bar inside a cell.
BAR = "\\|"
#: Digits of p values.
SHORT = 2


def fill(page: Path, boards: Path, makers: Makers) -> bool:
    """Write the tables of a page again; return whether it changed.

    Raises:
        UsageError: A table asks for a board that is not there, or for rows that cannot be made; names page and block.
    """
    text = page.read_text(encoding="utf-8")
    made = filled(text, boards, page, makers)
    if made != text:
        page.write_text(made, encoding="utf-8", newline="\n")
    return made != text


def filled(text: str, boards: Path, page: Path, makers: Makers) -> str:
    """Return a page's text with every table made from what is in the folder of boards, or by a maker."""

    def block(found: re.Match[str]) -> str:
        kind, words, head = found["kind"], found["words"].split(), found["head"]
        if kind in makers:
            with naming(f"{page}: {head.strip()}"):
                lines = _table(makers[kind](words))
        else:
            suites = words if kind == "verdicts" else words[:1]
            documents = [_document(suite, kind, boards, f"{page}: {head.strip()}") for suite in suites]
            lines = {
                "board": lambda: _board(documents[0], words[1:], page),
                "loop": lambda: _loop(documents[0], words[1:], page),
                "claims": lambda: _claims(documents[0]),
                "verdicts": lambda: _verdicts(documents),
            }[kind]()
        return head + "\n" + "\n".join(lines) + "\n\n" + found["end"]

    kinds = "|".join(("board", "loop", "claims", "verdicts", *makers))
    return re.compile(BLOCK.format(kinds), re.S).sub(block, text)


def _document(suite: str, kind: str, boards: Path, where: str) -> dict[str, Any]:
    file = boards / f"{suite}.{'json' if kind in ('board', 'loop') else 'claims.json'}"
    if not file.is_file():
        raise UsageError(f"{where}: found no {file}; allowed: a suite with a committed board")
    return json.loads(file.read_text(encoding="utf-8"))


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(cell.replace('|', BAR) for cell in row)} |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]


def _board(document: dict[str, Any], where: list[str], page: Path) -> list[str]:
    rows = [r for r in document["rows"] if [_group(r), r["modality"]] == where]
    if not rows:
        known = sorted({f"{_group(r)} {r['modality']}" for r in document["rows"]})
        raise UsageError(f"{page}: board {document['title']}: found {' '.join(where)!r}; allowed: {', '.join(known)}")
    metric = MetricName.parse(rows[0]["metric"]).metric.replace("_", " ")
    lines = [HEAD.format(metric), "|---|---|---|---|---|---|---|---|", *map(_board_line, rows)]
    controls = sum(row["role"] == "control" for row in rows)
    group: dict[str, Any] = next((g for g in document.get("groups", []) if [_group(g), g["modality"]] == where), {})
    names = [row["mitigation"] for row in rows]
    if group.get("untrained") is not None:
        lines.insert(2 + controls, _never_trained(group, rows[0]["start"]))
        names.insert(controls, NEVER)
    return _with_learned(lines, [""], names, [_learned(document, where[0], where[1])])


def _loop(document: dict[str, Any], where: list[str], page: Path) -> list[str]:
    """Return all sides of a loop beside each other, in the order of its ranks, without scenarios that mitigate."""
    loops = {_group(loop): loop for loop in document.get("loops", [])}
    if len(where) != 1 or where[0] not in loops:
        raise UsageError(
            f"{page}: loop {document['title']}: found {' '.join(where)!r}; allowed: {', '.join(sorted(loops))}"
        )
    rows = [row for row in document["rows"] if _group(row) == where[0]]
    sides: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        sides.setdefault(row["modality"], {})[row["mitigation"]] = row
    groups = {group["modality"]: group for group in document["groups"] if _group(group) == where[0]}
    metrics = {side: MetricName.parse(next(iter(found.values()))["metric"]).metric for side, found in sides.items()}
    heads = [part for side in sides for part in (f"{side}: {metrics[side].replace('_', ' ')} at T", "prevented [95 %]")]
    head = ["method", *heads, "prevented, both", "rank", "evaluations", "real pairs"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    named, names = {name for found in sides.values() for name in found}, []
    for row in (r for r in loops[where[0]]["rows"] if r["name"] == NEVER or r["name"] in named):
        idle = row["name"] not in named
        cells = [f"*{row['name']}*" if idle else f"`{markdown_escape(row['name'])}`"]
        for side, found in sides.items():
            cells += _idle_side(groups[side], found) if idle else _side(found.get(row["name"]))
        both = (row["prevented"], row["both_low"], row["both_high"])
        cells.append("" if row["both_low"] is None else share(*both))
        cells.append("" if row["rank_low"] is None else f"{row['rank_low']}-{row['rank_high']}")
        cost = next((found[row["name"]] for found in sides.values() if row["name"] in found), None)
        cells += ["0", "0"] if cost is None else [count(cost["network_evaluations"]), count(cost["real_samples"])]
        lines.append(f"| {' | '.join(cells)} |")
        names.append(row["name"])
    return _with_learned(
        lines, [f"{side} " for side in sides], names, [_learned(document, where[0], side) for side in sides]
    )


def _side(row: dict[str, Any] | None) -> list[str]:
    return ["", ""] if row is None else [number(row["end"]), _prevented(row)]


def _idle_side(group: dict[str, Any], rows: Mapping[str, dict[str, Any]]) -> list[str]:
    return [number(next(iter(rows.values()))["start"]), _ratio(group, "untrained")]


def _never_trained(group: dict[str, Any], start: float) -> str:
    """Return the row of a model that is never trained: a reference that stands behind the controls."""
    return f"| *never trained* | {number(start)} | 0 | {_ratio(group, 'untrained')} |  |  | 0 | 0 |"


def _with_learned(
    lines: list[str], heads: list[str], names: list[str], learned: Sequence[Mapping[str, str]]
) -> list[str]:
    """Return the lines of a table with a column more for each side of which it is known what methods learn.

    Args:
        lines: Head, rule and rows.
        heads: What each column's head begins with.
        names: Of the rows.
        learned: Name -> what is learned, for each side.
    """
    for head, found in zip(heads, learned, strict=True):
        if any(found.values()):
            ends = [f" {head}learns [95 %] |", "---|", *(f" {found.get(name, '')} |" for name in names)]
            lines = [line + end for line, end in zip(lines, ends, strict=True)]
    return lines


def _learned(document: dict[str, Any], loop: str, side: str) -> dict[str, str]:
    """Return what each row's method still learns, by the name of the row; "" where that is not known."""
    rows: list[dict[str, Any]] = next((g["rows"] for g in document.get("loops", []) if _group(g) == loop), [])
    told = {row["name"]: _about_learned(row.get(f"{side}_learns") or {}) for row in rows}
    return {name: "0" if name == NEVER else text for name, text in told.items()} if any(told.values()) else {}


def _about_learned(found: Mapping[str, Any]) -> str:
    if found.get("share") is None:
        return str(found.get("of", ""))
    return _ratio(found, "share") + (", own pairs" if found["of"] == "own pairs" else "")


def _group(row: dict[str, Any]) -> str:
    return str(GroupName(row["scenario"], row["variant"]))


def _prevented(row: dict[str, Any]) -> str:
    """Return collapse prevented with its interval, or why there is none."""
    if row["role"] == "control" or row["label"]:
        return markdown_escape(row["label"])
    return _ratio(row, "prevented")


def _ratio(found: Mapping[str, Any], name: str) -> str:
    """Return a ratio of a board's document with its interval, which only a bounded set has; "" where there is none."""
    if found.get(name) is None:
        return ""
    bounded = found[f"{name}_kind"] == "bounded"
    return share(found[name], *((found[f"{name}_low"], found[f"{name}_high"]) if bounded else (None, None)))


def _board_line(row: dict[str, Any]) -> str:
    rank = "" if row["rank_low"] is None else f"{row['rank_low']}-{row['rank_high']}"
    worse = f"{number(row['worsening'], SHORT)} ± {number(row['worsening_sd'], SHORT)}"
    cells = [
        f"`{markdown_escape(row['mitigation'])}`", number(row["end"]), worse, _prevented(row), rank,
        number(row["p_holm"], SHORT), count(row["network_evaluations"]), count(row["real_samples"]),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _claims(document: dict[str, Any]) -> list[str]:
    lines = ["| statement | verdict | effect [95 %] | p (Holm) |", "|---|---|---|---|"]
    for claim in document["claims"]:
        effects = "<br>".join(_effect(part) for part in claim["parts"])
        decided = claim["verdict"] != "undecided"
        why = "" if decided else f": {markdown_escape(claim['reason'])}"
        p = number(claim["p_holm"], SHORT) if claim["parts"] else ""
        verdict = f"**{claim['verdict']}**" if decided else f"undecided{why}"
        name = f"`{markdown_escape(claim['name'])}`: {markdown_escape(claim['statement'])}"
        lines.append(f"| {name} | {verdict} | {effects} | {p} |")
    return lines


def _verdicts(documents: list[dict[str, Any]]) -> list[str]:
    lines = ["| finding | verdict | suite |", "|---|---|---|"]
    for document in documents:
        for claim in document["claims"]:
            tested = "undecided" if claim["parts"] else "not tested"
            verdict = tested if claim["verdict"] == "undecided" else f"**{claim['verdict']}**"
            lines.append(f"| {markdown_escape(claim['statement'])} | {verdict} | `{document['suite']}` |")
    return lines


def _effect(part: dict[str, Any]) -> str:
    interval = "" if part["low"] is None else f" [{number(part['low'])}, {number(part['high'])}]"
    return f"{markdown_escape(part['label'])}: {number(part['effect'])}{interval}"

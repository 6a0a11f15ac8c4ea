"""Tables inside hand-written pages, filled in from committed boards, so that no number in a text is copied by hand.

A page says where a table goes and what is in it, by one comment line before and one after:

    <!-- board scenes_board_captioner single_model_captioner/default captioner -->
    <!-- claims scenes_full -->
    <!-- verdicts scenes_full scenes_ten -->
    <!-- end -->

`claims` has effects and p values, `verdicts` only what was found, of several suites.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from leaderboard.text import count, markdown_escape, number
from records.errors import UsageError

BLOCK = re.compile(
    r"(?P<head><!-- (?P<kind>board|claims|verdicts) (?P<words>[^>]*?) -->\n)(?P<body>.*?)(?P<end><!-- end -->)", re.S
)
HEAD = "| method | {} at T | worsening ± sd | collapse prevented [95 %] | rank | p (Holm) | evaluations | real pairs |"
#: Pages with such tables, below the project's folder.
PAGES = ("README.md", "docs/results.md")
#: Digits of p values and of a collapse that is prevented.
SHORT, SHARE = 2, 2


def fill(page: Path, boards: Path) -> bool:
    """Write the tables of a page again; return whether it changed.

    Raises:
        UsageError: A table asks for a board that is not there; names the page and the board.
    """
    text = page.read_text(encoding="utf-8")
    made = filled(text, boards, page)
    if made != text:
        page.write_text(made, encoding="utf-8", newline="\n")
    return made != text


def filled(text: str, boards: Path, page: Path) -> str:
    """Return a page's text with every table made from what is in the folder of boards."""

    def block(found: re.Match[str]) -> str:
        words = found["words"].split()
        suites = words if found["kind"] == "verdicts" else words[:1]
        ending = "json" if found["kind"] == "board" else "claims.json"
        documents = []
        for file in (boards / f"{suite}.{ending}" for suite in suites):
            if not file.is_file():
                what = found["head"].strip()
                raise UsageError(f"{page}: {what}: found no {file}; allowed: a suite with a committed board")
            documents.append(json.loads(file.read_text(encoding="utf-8")))
        lines = {
            "board": lambda: _board(documents[0], words[1:], page),
            "claims": lambda: _claims(documents[0]),
            "verdicts": lambda: _verdicts(documents),
        }[found["kind"]]()
        return found["head"] + "\n" + "\n".join(lines) + "\n\n" + found["end"]

    return BLOCK.sub(block, text)


def _board(document: dict[str, Any], where: list[str], page: Path) -> list[str]:
    rows = [r for r in document["rows"] if [f"{r['scenario']}/{r['variant']}", r["modality"]] == where]
    if not rows:
        known = sorted({f"{r['scenario']}/{r['variant']} {r['modality']}" for r in document["rows"]})
        raise UsageError(f"{page}: board {document['title']}: found {' '.join(where)!r}; allowed: {', '.join(known)}")
    metric = rows[0]["metric"].partition("/")[2].partition("@")[0].replace("_", " ")
    return [HEAD.format(metric), "|---|---|---|---|---|---|---|---|", *map(_board_line, rows)]


def _board_line(row: dict[str, Any]) -> str:
    if row["role"] == "control" or row["label"]:
        prevented = markdown_escape(row["label"])
    else:
        low, high = (_share(row[key]) for key in ("prevented_low", "prevented_high"))
        prevented = f"{_share(row['prevented'])} [{low}, {high}]" if row["prevented_kind"] == "bounded" else "unbounded"
    rank = "" if row["rank_low"] is None else f"{row['rank_low']}-{row['rank_high']}"
    worse = f"{number(row['worsening'], SHORT)} ± {number(row['worsening_sd'], SHORT)}"
    cells = [
        f"`{markdown_escape(row['mitigation'])}`", number(row["end"]), worse, prevented, rank,
        number(row["p_holm"], SHORT), count(row["network_evaluations"]), count(row["real_samples"]),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.{SHARE}f}"


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
            verdict = claim["verdict"] if claim["verdict"] == "undecided" else f"**{claim['verdict']}**"
            lines.append(f"| {markdown_escape(claim['statement'])} | {verdict} | `{document['suite']}` |")
    return lines


def _effect(part: dict[str, Any]) -> str:
    interval = "" if part["low"] is None else f" [{number(part['low'])}, {number(part['high'])}]"
    return f"{markdown_escape(part['label'])}: {number(part['effect'])}{interval}"

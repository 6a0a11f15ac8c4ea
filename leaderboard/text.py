"""Numbers and foreign text in few characters, harmless in every format that a board is written in.

Names and messages may come from strangers. Each format has one function here that takes away what the format would
act upon, and every name or message goes through it exactly once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tabulate import tabulate

ARROWS = {"down": "↓", "up": "↑", "none": "", "": ""}
_MARKDOWN = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", **{c: f"\\{c}" for c in "\\`*[]|#~"}}  # "_" means nothing inside a word
)
_LATEX = str.maketrans(
    {
        **{c: f"\\{c}" for c in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "↓": r"$\downarrow$",
        "↑": r"$\uparrow$",
        "±": r"$\pm$",
    }
)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number in few characters; "" for None."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 10 ** (digits + 3):
        return f"{value:.{digits - 1}e}"
    text = f"{value + 0.0:.{digits}g}"  # 0 has no sign
    if "e" in text and abs(value) >= 1e-4:
        text = f"{value:.0f}"
    return text


def hundredths(value: float) -> str:
    """Return a share in two digits behind the point; what is rounded to zero has no sign."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


def share(value: float, low: float | None, high: float | None) -> str:
    """Return a share with its interval, such as "0.50 [0.25, 0.75]"; "0.50 [unbounded]" without ends."""
    ends = "unbounded" if low is None or high is None else f"{hundredths(low)}, {hundredths(high)}"
    return f"{hundredths(value)} [{ends}]"


def count(value: float | None) -> str:
    """Return a count such as 1234, 34.5k, 5.6M; "" for None."""
    if value is None:
        return ""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * size or (unit != "k" and abs(value) >= size):
            return f"{value / size:.3g}{unit}"
    return f"{value:.0f}"


def counted(value: int, what: str, plural: str = "") -> str:
    """Return a whole number with the thing that it counts, in the plural where it must be."""
    return f"{value:,} {what if value == 1 else plural or f'{what}s'}"


def plain_table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """Return a table for a terminal."""
    return tabulate(rows, head, tablefmt="simple", disable_numparse=True)


def aligned(rows: Sequence[Sequence[str]], head: Sequence[str]) -> list[str]:
    """Return the lines of a narrow table: the first column to the left, the others to the right, heads in some lines.

    A row of one cell is a heading, and may be as long as it is.
    """
    heads = [name.split("\n") for name in head]
    depth = max(map(len, heads))
    tops = [[lines[i] if i < len(lines) else "" for lines in heads] for i in range(depth)]
    whole = [row for row in rows if len(row) == len(head)]
    widths = [max(len(row[i]) for row in (*tops, *whole)) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        if len(row) == 1:
            return row[0]
        return "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()

    return [*map(line, tops), "  ".join("-" * width for width in widths), *map(line, rows)]


def markdown_escape(text: str) -> str:
    """Return a name or message that stays plain text in a Markdown page, a table cell included."""
    return " ".join(text.split()).translate(_MARKDOWN)


def latex_escape(text: str) -> str:
    """Return a name or message that LaTeX prints as it is."""
    return " ".join(text.split()).translate(_LATEX)


def csv_field(value: float | str | None) -> str:
    """Return a CSV field.

    Numbers take six digits, since the last ones depend on the machine's order of summation. A text that a spreadsheet
    would run as a formula gets an apostrophe in front.
    """
    if isinstance(value, float):
        return f"{value + 0.0:.6g}"
    text = "" if value is None else str(value)
    if isinstance(value, str) and len(text) > 1 and text[0] in "=+-@\t\r\n":
        return f"'{text}"
    return text


def json_number(value: float | str | int | None) -> float | str | int | None:
    """Return a value for a board's JSON: six digits as in CSV; what is not finite is null."""
    if isinstance(value, float):
        return float(f"{value + 0.0:.6g}") if math.isfinite(value) else None
    return value

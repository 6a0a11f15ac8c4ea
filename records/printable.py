"""Texts that a terminal shows and does not obey."""

from __future__ import annotations

import re

#: Control characters but for newline and tab, which an escape sequence begins with; and what turns a line's direction.
_ORDERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return a text in which nothing moves the cursor, sets a title, opens a link or hides what stands there."""
    return _ORDERS.sub("\N{REPLACEMENT CHARACTER}", text)

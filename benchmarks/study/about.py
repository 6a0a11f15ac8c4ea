"""What a suite's file says of itself in its first lines, for people: question, command, cost, and what to expect."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

KEYS = ("Question", "Command", "Cost", "Expected")


@dataclass(frozen=True)
class About:
    """The answers; "" where a file gives none."""

    question: str = ""
    command: str = ""
    cost: str = ""
    expected: str = ""


def about(file: Path) -> About:
    """Return what the comment at the top of a suite's file says.

    A line `# Key: text` begins an answer; lines that are indented further go on with it.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return About()
    found: dict[str, str] = {}
    key = ""
    for line in lines:
        if not line.startswith("#"):
            break
        if begun := re.match(r"# (\w+): +(.*)", line):
            key = begun[1]
            found[key] = begun[2].strip()
        elif key and line.startswith("#   "):
            found[key] += f" {line[1:].strip()}"
        else:
            key = ""
    return About(*(found.get(key, "") for key in KEYS))

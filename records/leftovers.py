"""What is written aside says who writes it, so that what a killed process has left is known as such."""

from __future__ import annotations

import os
import re
import time

from records.canonical import text_digest
from records.process import machine, started

#: Seconds after which nobody writes any more, on whichever machine.
OLD = 3600.0
_MARK = re.compile(r"by-([0-9a-f]{12})-([0-9]+)-([0-9]+)")


def mark() -> str:
    """Return who this process is, as a part of a file's name."""
    return f"by-{_here()}-{os.getpid()}-{started(os.getpid()) or 0}"


def abandoned(name: str, modified: float, older_than: float = OLD) -> bool:
    """Say whether nobody writes a file or folder any more.

    Args:
        name: What it is called.
        modified: When it was last written to.
        older_than: Seconds after which it is old, whoever writes it.
    """
    if time.time() - modified >= older_than:
        return True
    found = _MARK.search(name)
    if found is None or not machine() or found[1] != _here():
        return False
    return started(int(found[2][:9])) != found[3]


def _here() -> str:
    return text_digest(machine())[:12]

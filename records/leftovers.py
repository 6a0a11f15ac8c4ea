"""What is written aside says who writes it, so that what a killed process has left is known as such."""

from __future__ import annotations

import os
import platform
import re
import time

#: Seconds after which nobody writes any more, on whichever machine.
OLD = 3600.0
_MARK = re.compile(r"by-([A-Za-z0-9]*)-([0-9]+)")


def mark() -> str:
    """Return who this process is, as a part of a file's name."""
    return f"by-{_machine()}-{os.getpid()}"


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
    if found is None or found[1] != _machine():
        return False
    try:
        os.kill(int(found[2]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # another person's
        return False
    return False


def _machine() -> str:
    return re.sub(r"[^A-Za-z0-9]", "", platform.node())[:32]

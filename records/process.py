"""Which process this is, on which machine: told apart from others that share a folder with it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def machine() -> str:
    """Return what is this boot's of this machine, and this container's on it, alone; "" where nothing tells."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    return ""


def started(pid: int) -> str:
    """Return when a process of this machine began, in ticks; "" where there is none, or only its remains."""
    with suppress(OSError, IndexError):
        facts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if facts[0] in "ZX" else facts[19]
    return ""

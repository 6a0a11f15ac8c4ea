"""How processes of a run end: at once, with what they started, whatever they were doing.

Nothing is lost by that: an artifact or a result is there whole or not at all, so whoever is killed has finished nothing
and damaged nothing.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from multiprocessing import active_children


def lead() -> None:
    """Make this process the head of a group of its own, and deaf to Ctrl-C: whoever started it says when it ends.

    A terminal sends Ctrl-C to every process of its group, and Lightning answers by ending a fit early. SIGTERM ends the
    group: Lightning keeps it for later, but for handlers that were there before.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: end_own())
    with suppress(OSError):  # it leads a session already
        os.setpgid(0, 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def end_own() -> None:
    """End this process, and the group that it leads."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def end(pid: int) -> None:
    """End a process of this one's that runs, and the group that it leads."""
    end_group(pid)
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def end_group(leader: int) -> None:
    """End the group that a process has led, also where it is dead already and what it started is not."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def end_all() -> None:
    """End every process that this one started to share its work."""
    for process in active_children():
        if process.pid is not None:
            end(process.pid)

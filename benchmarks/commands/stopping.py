"""A command that is told to stop stops at once, whatever it was doing, with one line that says how to go on."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

STOPPED = 130
LAST_WORDS = "stopped; what is finished is kept, and the same command goes on from there"
#: Seconds that a command may take to put things away; a library may have swallowed what told it to stop.
GRACE = 5.0
#: What tells a command to stop: Ctrl-C, whoever ends a job, a terminal that is closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()))

_asked, _said = threading.Event(), threading.Lock()


@contextmanager
def stoppable() -> Iterator[None]:
    """Run a command of a process of its own; told to stop, the process ends here, with exit code 130.

    It does so whatever a library has made of that, and without waiting for threads: those that draw may not be left to
    an interpreter that is shutting down, since libraries that they are importing abort it.
    """
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, or a job in the background of a script
            signal.signal(number, _stop)
    try:
        yield
    except KeyboardInterrupt:
        _asked.set()
    finally:
        if _asked.is_set():
            _put_away()
            with suppress(Exception):
                atexit._run_exitfuncs()  # of semaphores and logs
            os._exit(STOPPED)


def _stop(number: int, frame: object) -> None:
    """Interrupt what the main thread does; the second time, and after some seconds, end without it."""
    if _asked.is_set():
        _end()
    _asked.set()
    late = threading.Timer(GRACE, _end)
    late.daemon = True
    late.start()
    raise KeyboardInterrupt


def _put_away() -> None:
    """Say the last words, once, and end the processes that share the work."""
    if "multiprocessing" in sys.modules:
        from benchmarks.running.ending import end_all

        with suppress(Exception):
            end_all()
    if _said.acquire(blocking=False):
        with suppress(OSError, ValueError, AttributeError):
            shown = "\x1b[?25h" if sys.stderr.isatty() else ""  # a cursor that bars have hidden
            print(f"{shown}{LAST_WORDS}", file=sys.stderr, flush=True)


def _end() -> None:
    """End at once: threads that draw, and libraries that wait, are not waited for."""
    _put_away()
    os._exit(STOPPED)

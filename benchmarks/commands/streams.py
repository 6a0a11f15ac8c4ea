"""Printing that ends nothing: on any terminal, in any encoding, whether or not somebody still reads."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from typing import TextIO

from records.errors import UsageError
from records.printable import printable


def in_utf8() -> None:
    """Start this command again in Python's UTF-8 mode where the locale has another encoding: paths are UTF-8 here."""
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 (this very command)


def prepare() -> None:
    """Make standard output and error take every character, also where they were closed.

    What a library merely warns of is no error, whatever PYTHONWARNINGS says.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # closed: the next file to be opened would take its place, and be written into
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if sys.warnoptions:
        warnings.filters[:] = [found for found in warnings.filters if found[0] != "error"]  # type: ignore[index]


def tell(text: str, stream: TextIO | None = None, end: str = "\n") -> None:
    """Print at once; where the reader has gone, such as `head`, what follows goes nowhere and the work goes on."""
    stream = sys.stdout if stream is None else stream
    try:
        print(printable(text), end=end, file=stream, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def no_overrides(options: argparse.Namespace, why: str) -> None:
    """Refuse overrides of a suite where a command takes none.

    Raises:
        UsageError: With the reason.
    """
    if options.overrides:
        raise UsageError(f"{' '.join(options.overrides)}: {why}; allowed: no overrides")

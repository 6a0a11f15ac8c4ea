"""Where in an author's code an error arose, in a few words, and all of it as text for a log."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

from records.fingerprint import PROJECT, is_library
from records.place import ROOT

#: What ships and is written as an author's methods are: an error in there is named as one of theirs.
METHODS = ROOT / "benchmarks" / "mitigations"


def place(error: BaseException) -> str:
    """Return file, line and function of the innermost call in a method's code, or "" where none was running.

    The file's name alone: where it lies differs between machines.
    """
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_authors(f.filename)]
    if not frames:
        return ""
    last = frames[-1]
    return f"{Path(last.filename).name}, line {last.lineno}, in {last.name}"


def frame_of(error: BaseException) -> TracebackType | None:
    """Return the traceback as a debugger takes it, cut after the innermost call in a method's code."""
    found = last = error.__traceback__
    while last is not None:
        if _is_authors(last.tb_frame.f_code.co_filename):
            found = last
        last = last.tb_next
    return found


def full(error: BaseException) -> str:
    """Return the whole traceback, with what it arose from."""
    return "".join(traceback.format_exception(error))


def _is_authors(filename: str) -> bool:
    file = Path(filename)
    if not file.is_absolute() or not file.is_file():  # such as <frozen importlib._bootstrap>
        return False
    file = file.resolve()
    if any(file.is_relative_to(ROOT / package) for package in PROJECT):
        return file.is_relative_to(METHODS)
    return not is_library(file)

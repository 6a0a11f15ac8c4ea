"""Planning runs code of methods and data sets, which may go to another folder; paths here are meant from this one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def staying() -> Iterator[None]:
    """Be back in the working folder afterwards."""
    try:
        here = os.getcwd()
    except OSError:  # it was removed
        yield
        return
    try:
        yield
    finally:
        os.chdir(here)

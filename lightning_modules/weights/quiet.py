"""Loading and saving without the libraries' progress bars."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the progress bars and notices of transformers and diffusers in here, and in here only."""
    both = (transformers_logging, diffusers_logging)
    bars = [library.is_progress_bar_enabled() for library in both]
    levels = [library.get_verbosity() for library in both]
    for library in both:
        library.disable_progress_bar()
        library.set_verbosity_error()
    try:
        yield
    finally:
        for library, bar, level in zip(both, bars, levels, strict=True):
            if bar:
                library.enable_progress_bar()
            library.set_verbosity(level)

"""A step finds its process as the one before it found it: random numbers, settings, environment, folder."""

from __future__ import annotations

import locale
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import numpy as np

#: How something of a process is read, and how it is put back.
Knob = tuple[Callable[[], Any], Callable[[Any], Any]]


@contextmanager
def undisturbed(seed: int) -> Iterator[None]:
    """Run a step on global random numbers of its own, and put back whatever it changes around it.

    A method that draws from `np.random` without a seed makes the same data whenever and wherever it runs, and one that
    changes torch's settings or the environment changes no step but its own.
    """
    import torch

    knobs = [*_KNOBS, *_of_torch(torch)]
    before = [read() for read, _ in knobs]
    drawn = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.default_generator.manual_seed(seed)  # `torch.manual_seed` takes longer than many a step
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    try:
        yield
    finally:
        for (read, write), was in zip(knobs, before, strict=True):
            if read() != was:
                write(was)
        random.setstate(drawn[0])
        np.random.set_state(drawn[1])  # noqa: NPY002
        torch.set_rng_state(drawn[2])


def _of_torch(torch: Any) -> list[Knob]:
    cudnn = torch.backends.cudnn
    switches = [name for name in ("enabled", "benchmark", "deterministic", "allow_tf32") if hasattr(cudnn, name)]
    return [
        (torch.get_default_dtype, torch.set_default_dtype),
        # by its name: set back to None, torch 2.9 can no longer say which it is, in this module or in any library
        (lambda: str(torch.get_default_device()), torch.set_default_device),
        (torch.is_grad_enabled, torch.set_grad_enabled),
        (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
        (torch.get_num_threads, torch.set_num_threads),
        (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
        *((partial(getattr, cudnn, name), partial(setattr, cudnn, name)) for name in switches),
    ]


def _folder() -> str | None:
    with suppress(OSError):  # it was removed
        return os.getcwd()
    return None


def _go(folder: str | None) -> None:
    if folder is not None:
        os.chdir(folder)


def _environ(was: dict[str, str]) -> None:
    for name in os.environ.keys() - was.keys():
        del os.environ[name]
    os.environ.update(was)


def _raised() -> list[Any]:
    """Return the warnings that are errors; other filters are libraries' own, set when they are first imported."""
    return [found for found in warnings.filters if found[0] == "error"]


def _no_longer_raised(was: list[Any]) -> None:
    warnings.filters[:] = [found for found in warnings.filters if found[0] != "error" or found in was]  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


_KNOBS: tuple[Knob, ...] = (
    (np.geterr, lambda errors: np.seterr(**errors)),
    (_folder, _go),
    (lambda: dict(os.environ), _environ),
    (lambda: list(sys.path), lambda path: sys.path.__setitem__(slice(None), path)),
    (lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)),
    (_raised, _no_longer_raised),
)

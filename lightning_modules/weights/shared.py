"""One copy of a base's weights for all models of a process that leave them as they are.

An adapter is a few megabytes beside a base of gigabytes, and a study makes hundreds of adapters. Inside of `sharing`,
what is loaded from one folder shares the parameters of the model that was loaded from it first, for as long as any of
them is in use; each has layers, adapters and settings of its own. Whoever trains or changes the base itself loads
outside of it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from torch import nn

from lightning_modules.weights import cards

M = TypeVar("M", bound=nn.Module)
_bases: WeakValueDictionary[str, nn.Module] = WeakValueDictionary()
_kept: WeakKeyDictionary[nn.Module, nn.Module] = WeakKeyDictionary()
_wanted: list[bool] = []


@contextmanager
def sharing(wanted: bool = True) -> Iterator[None]:
    """Load models in here that share their base with others, or, innermost first, that do not."""
    _wanted.append(wanted)
    try:
        yield
    finally:
        _wanted.pop()


def base(kind: type, folder: Path, dtype: str, arguments: dict[str, Any], read: Callable[[], M]) -> M:
    """Return what `read` makes of a folder, or, inside of `sharing`, a twin of what it made of equal files before.

    Args:
        kind: the class that is loaded.
        folder: with whole weights.
        dtype: that frozen weights are loaded as.
        arguments: that the class is given beside.
        read: loads the model.
    """
    if not (_wanted and _wanted[-1]):
        return read()
    name, place = f"{kind.__module__}.{kind.__qualname__}", str(Path(folder).resolve())
    key = json.dumps([name, place, cards.digest(Path(folder)), dtype, sorted(arguments.items())], default=str)
    found: Any = _bases.get(key)
    if found is None:
        found = _bases[key] = read()
    made: M = twin(found)
    _kept[made] = found
    return made


def twin(module: M) -> M:
    """Return a copy with parameters that are the very same, and with all else its own.

    The same objects, not the same numbers alone: whatever moves one to another device moves both.
    """
    memo: dict[int, Any] = {id(parameter): parameter for parameter in module.parameters()}
    trainer = getattr(module, "_trainer", None)  # of the last prediction, with all that it holds on to
    if trainer is not None:
        memo[id(trainer)] = None
    return copy.deepcopy(module, memo)

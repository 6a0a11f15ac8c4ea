"""Plain data and overrides of the command line into frozen dataclasses, with one clear sentence for what is wrong.

Data are typed by pydantic (`records.codec`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from records.codec import decode
from records.errors import UsageError, naming
from records.merging import merged
from records.overrides import overridden, said

T = TypeVar("T")


def typed(cls: type[T], data: dict[str, Any], file: Path, overrides: Sequence[str] = ()) -> T:
    """Turn plain data into a dataclass: unknown keys first, then types, then the class's own checks.

    A mapping that says a part of a nested dataclass lies over what the field holds by default, and the overrides of
    the command line, such as ``--fit.generator.steps 5``, lie over both. A mapping of free keys that is given there
    whole, such as ``--primary "{generator: frechet}"``, replaces the file's, and so does a list.

    Raises:
        UsageError: One sentence that names the file, the key, what was found and what is allowed.
    """
    defaults: dict[str, Any] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        made = field.default_factory() if callable(field.default_factory) else field.default
        if dataclasses.is_dataclass(made) and not isinstance(made, type):
            defaults[field.name] = dataclasses.asdict(made)
        elif isinstance(made, tuple):
            defaults[field.name] = list(made)  # so that an override finds its entries
    with naming(f"{file}{said(overrides)}", (ValueError, UsageError)):
        return decode(cls, overridden(cls, merged(defaults, data), overrides))

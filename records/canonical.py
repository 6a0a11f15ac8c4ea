"""One text for one value, and its digest: what every key, protocol and identity is made of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, cached_property
from typing import Any

#: Equal to nothing that a field can hold.
_NEVER = object()


def canonical(value: Any) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, no NaN; dataclasses as objects."""
    return _ENCODER.encode(value)


def digest(value: Any) -> str:
    """Return the sha256 (64 hex digits) of the canonical JSON of ``value``."""
    return text_digest(canonical(value))


def text_digest(text: str) -> str:
    """Return the sha256 (64 hex digits) of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.digest
    if is_dataclass(value) and not isinstance(value, type):
        return _entering(value)  # `asdict` would copy all that is below
    raise TypeError(f"{type(value).__name__} has no canonical form: {value!r}")


#: Made once: a plan of tens of thousands of steps spends half of its time in here.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain, check_circular=False
)


def _entering(value: Any) -> dict[str, Any]:
    """Return what enters a key; a setting that came later is left out at its default, so that older keys still hold."""
    kind: Any = type(value)
    held = ((name, getattr(value, name), default) for name, default in _declared(kind))
    return {name: found for name, found, default in held if found != default}


@cache
def _declared(kind: type) -> tuple[tuple[str, Any], ...]:
    """Return the fields of a dataclass, each with the default at which it is left out; most never are."""
    return tuple((f.name, f.default if "added" in f.metadata else _NEVER) for f in fields(kind))


@dataclass(frozen=True, eq=False)
class Spec:
    """A part of an identity that many steps share: hashed once, carried whole to the step that needs it.

    Attributes:
        value: What enters the key, as plain JSON data or dataclasses.
        execution: What the step needs to run but must not enter the key (paths, names).
    """

    value: Any
    execution: Any = None

    @cached_property
    def digest(self) -> str:
        """The sha256 of ``value``."""
        return digest(self.value)

"""Identity: what a step is, hashed before anything has run.

A step's key is the sha256 of its kind, its version, its identity fields and the keys of its inputs. Because it
never depends on what a step *made*, the whole graph is known at plan time, equal steps of different cells fall
together, and a second run does only what is missing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache, cached_property
from typing import Any

#: Kind of step -> version, bumped when its function in `benchmarks.steps` changes numbers by design.
STEP_VERSIONS = {
    "base": 1, "real": 1, "images": 1, "captions": 1, "score": 1, "curate": 1, "auxiliary": 1, "fit": 1, "merge": 1,
    "sample": 1, "features": 1, "reference": 1, "metrics": 1, "floor": 1,
}  # fmt: skip


#: Equal to nothing that a field can hold.
_NEVER = object()


def canonical(value: Any) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, no NaN; dataclasses as objects."""
    return _ENCODER.encode(value)


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


def digest(value: Any) -> str:
    """Return the sha256 (64 hex digits) of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


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


class Fields(dict[str, Any]):
    """Identity fields that many steps share: turned into text once. Not to be changed once a key was made of them."""

    @cached_property
    def text(self) -> str:
        """The canonical JSON of the fields."""
        return canonical(self)


def _inputs_text(inputs: Mapping[str, str | tuple[str, ...]]) -> str:
    """Return the canonical JSON of inputs that the engine names and whose values are keys: nothing to escape."""

    def text(keys: str | tuple[str, ...]) -> str:
        return f'"{keys}"' if isinstance(keys, str) else "[" + ",".join(map(text, keys)) + "]"

    return "{" + ",".join(f'"{name}":{text(inputs[name])}' for name in sorted(inputs)) + "}"


@dataclass(frozen=True, eq=False)
class Step:
    """One pure unit of work.

    Attributes:
        kind: What is done; names a function of `benchmarks.steps`.
        version: Bumped whenever that function changes numbers by design.
        identity: Everything else that can change the numbers, as JSON data and `Spec` values.
        inputs: Name -> key, or tuple of keys, of the steps whose artifacts are read.
        label: For people: where in which cell this was first met. Not part of the key.
        iteration: Where in the loop it was first met. Not part of the key.
    """

    kind: str
    version: int
    identity: Mapping[str, Any]
    inputs: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    label: str = ""
    iteration: int = 0

    @cached_property
    def key(self) -> str:
        """The content key: 64 hex digits."""
        if not isinstance(self.identity, Fields):
            return digest((self.kind, self.version, self.identity, self.inputs))
        text = f'["{self.kind}",{self.version},{self.identity.text},{_inputs_text(self.inputs)}]'
        return hashlib.sha256(text.encode()).hexdigest()

    def parents(self) -> tuple[str, ...]:
        """Return the keys of all inputs."""
        return self._parents

    @cached_property
    def _parents(self) -> tuple[str, ...]:
        found: list[str] = []
        for keys in self.inputs.values():
            found.extend((keys,) if isinstance(keys, str) else keys)
        return tuple(found)

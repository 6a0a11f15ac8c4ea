"""Identity: what a step is, hashed before anything has run.

A step's key is the sha256 of its kind, its version, its identity fields and the keys of its inputs. Because it
never depends on what a step *made*, the whole graph is known at plan time, equal steps of different cells fall
together, and a second run does only what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from records.canonical import canonical, digest, text_digest

#: Kind of step -> version, bumped when its function in `benchmarks.steps` changes numbers by design.
STEP_VERSIONS = {
    "base": 1, "real": 1, "images": 1, "captions": 1, "score": 1, "curate": 1, "auxiliary": 1, "fit": 1, "merge": 1,
    "sample": 1, "features": 1, "reference": 1, "metrics": 1, "floor": 1,
}  # fmt: skip


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
        return text_digest(text)

    def parents(self) -> tuple[str, ...]:
        """Return the keys of all inputs."""
        return self._parents

    @cached_property
    def _parents(self) -> tuple[str, ...]:
        found: list[str] = []
        for keys in self.inputs.values():
            found.extend((keys,) if isinstance(keys, str) else keys)
        return tuple(found)

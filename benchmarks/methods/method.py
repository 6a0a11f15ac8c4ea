"""A mitigation ready to plan with: its hooks, and what identifies them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmarks.methods.hooks import HOOKS, Mitigation
from records.canonical import Spec
from records.identity import by_name, identity


@dataclass(frozen=True, eq=False)
class Method:
    """A mitigation ready to plan with."""

    name: str
    hooks: Mitigation
    class_path: str
    init_args: dict[str, Any]

    @property
    def class_name(self) -> str:
        """What identifies its class; "" where it has none."""
        return str(identity(self.class_path)["name"]) if self.class_path else ""

    @cached_property
    def code(self) -> tuple[tuple[str, str], ...]:
        """The classes of its hooks, each with the digest of what it did when the method was first asked for it."""
        parts = getattr(self.hooks, "parts", [self.hooks])
        return tuple((f"{type(part).__module__}.{type(part).__qualname__}", part.source_digest()) for part in parts)

    @cached_property
    def spec(self) -> Spec:
        """Identity of the code and knobs behind its hooks."""
        entering = {
            **identity(self.class_path),
            "init_args": by_name(self.init_args),
            "version": self.hooks.version,
            "source": self.hooks.source_digest(),
        }
        self.__dict__["code"] = self.code  # as it is now, when it is planned
        return Spec(entering, self)

    @cached_property
    def active(self) -> frozenset[str]:
        """The hooks it overrides."""
        return frozenset(h for h in HOOKS if self.hooks.overrides(h))

    @cached_property
    def identity(self) -> Any:
        """What enters a cell's key: nothing for a method that overrides nothing."""
        return self.spec if self.active else None

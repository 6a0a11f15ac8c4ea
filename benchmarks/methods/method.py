"""A mitigation ready to plan with: its hooks, and what identifies them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmarks.methods.entering import entering
from benchmarks.methods.hooks import COUNTS, HOOKS, Mitigation
from records.canonical import Spec
from records.fingerprint import authors_package, fingerprint, followed
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
        waiting: list[Any] = [self.hooks]
        found: dict[str, str] = {}
        seen: set[int] = set()
        while waiting:
            part = waiting.pop()
            if id(part) in seen:
                continue
            seen.add(id(part))
            if isinstance(part, list | tuple):
                waiting.extend(part)
                continue
            module = type(part).__module__  # of hooks, and of what they are made of
            own = followed(module) or bool(authors_package(module))
            path = f"{type(part).__module__}.{type(part).__qualname__}"
            if own and path not in found:
                found[path] = fingerprint(path)
            if (own or isinstance(part, Mitigation)) and hasattr(part, "__dict__"):
                waiting.extend(vars(part).values())
        return tuple(found.items())

    @cached_property
    def spec(self) -> Spec:
        """Identity of the code and knobs behind its hooks."""
        found = {
            **identity(self.class_path),
            "init_args": by_name(entering(self.class_path, self.init_args)),
            "version": self.hooks.version,
            "source": self.hooks.source_digest(),
        }
        self.__dict__["code"] = self.code  # as it is now, when it is planned
        return Spec(found, self)

    @cached_property
    def active(self) -> frozenset[str]:
        """The hooks it overrides, and the counts that change steps as hooks do."""
        return frozenset(h for h in (*HOOKS, *COUNTS) if self.hooks.overrides(h))

    @cached_property
    def identity(self) -> Any:
        """What enters a cell's key: nothing for a method that overrides nothing."""
        return self.spec if self.active else None

"""Several methods as one, where no two of them change the same thing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from benchmarks.methods.hooks import COUNTS, HOOKS, Mitigation
from benchmarks.study.suite import Scenario
from records.canonical import digest
from records.errors import UsageError

#: What beside the hooks only one of the methods may set: each goes with what one method does to the pool.
SINGLE = ("pool_size", "reserve_items", *COUNTS)


class Composed(Mitigation):
    """Each hook is that of the one method which has it.

    Args:
        parts: Names and hooks of the methods.
        where: Begins the sentence of an error.

    Raises:
        UsageError: Two methods have the same hook, or one draws for another that chooses.
    """

    name: ClassVar[str] = "composed"

    def __init__(self, parts: Sequence[tuple[str, Mitigation]], where: str = "compose"):
        self.parts = [hooks for _, hooks in parts]
        self.owners: dict[str, Mitigation] = {}
        named: dict[str, str] = {}
        for name, hooks in parts:
            for hook in (*HOOKS, *SINGLE):
                if not hooks.overrides(hook):
                    continue
                if hook in named:
                    raise UsageError(
                        f"{where}: {named[hook]!r} and {name!r} both have the hook {hook}; "
                        "allowed: methods that change different things"
                    )
                named[hook], self.owners[hook] = name, hooks
        drawer, chooser = named.get("draw_count"), named.get("curate")
        if drawer and chooser and drawer != chooser:
            raise UsageError(
                f"{where}: {drawer!r} has draw_count, and {chooser!r} the hook curate, which counts on n items; "
                "allowed: methods that change different things"
            )
        self.reads = {hook: owner.reads[hook] for hook, owner in self.owners.items() if hook in owner.reads}  # type: ignore[misc]
        self.oversample = self.owners["curate"].oversample if "curate" in self.owners else 1

    def overrides(self, hook: str) -> bool:
        """Whether one of the methods changes a hook."""
        return hook in self.owners

    def acts(self, hook: str, modality: str) -> bool:
        """Whether the method that has a hook changes the steps of a modality with it."""
        return hook in self.owners and self.owners[hook].acts(hook, modality)

    def applies(self, scenario: Scenario) -> bool:
        """Whether one of the methods changes anything in a scenario."""
        return any(part.applies(scenario) for part in self.parts)

    def draw_count(self, iteration: int, n: int) -> int:
        """Return the count of the method that has one of its own."""
        return self._of("draw_count").draw_count(iteration, n)

    def pool_size(self, iteration: int, n: int) -> int:
        """Return the pool size of the method that has one of its own, or what is drawn."""
        owner = self.owners.get("pool_size")
        return self.draw_count(iteration, n) if owner is None else owner.pool_size(iteration, n)

    def reserve_items(self, n: int) -> int:
        """Return what the method that takes of the reserve takes."""
        return self._of("reserve_items").reserve_items(n)

    def prompts(self, ctx: Any) -> list[str]:
        """Ask as its method does."""
        return self._of("prompts").prompts(ctx)

    def sampling(self, ctx: Any) -> Any:
        """Decode as its method does."""
        return self._of("sampling").sampling(ctx)

    def relabel(self, ctx: Any) -> list[str]:
        """Caption as its method does."""
        return self._of("relabel").relabel(ctx)

    def curate(self, ctx: Any) -> Any:
        """Choose as its method does."""
        return self._of("curate").curate(ctx)

    def objective(self, ctx: Any) -> Any:
        """Train as its method does."""
        return self._of("objective").objective(ctx)

    def auxiliary(self, ctx: Any) -> Any:
        """Make what its method makes."""
        return self._of("auxiliary").auxiliary(ctx)

    def merge(self, ctx: Any) -> Any:
        """Merge as its method does."""
        return self._of("merge").merge(ctx)

    def source_digest(self) -> str:
        """Return the digest of all methods' code and versions."""
        parts = [[part.version, part.source_digest()] for part in self.parts]
        return digest(parts)

    def _of(self, hook: str) -> Mitigation:
        return self.owners.get(hook, _NOTHING)


_NOTHING = Mitigation()

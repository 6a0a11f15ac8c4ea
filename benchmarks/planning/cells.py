"""Cells: a scenario, a method and a seed with all their settings; what makes two of them comparable; their traces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from benchmarks.methods.hooks import SCORED
from benchmarks.methods.method import Method
from benchmarks.steps import CHAIN, Step, versions
from benchmarks.study.suite import Decodings, Evaluation, Fits, Scenario
from benchmarks.study.world import World
from records.canonical import digest

#: Version of how closed loops are walked; since 2 their `real` keeps the items of the pool.
CLOSED = 2


@dataclass(frozen=True, eq=False)
class Cell:
    """One trajectory: a resolved scenario, a method and a seed, with all sizes and settings."""

    scenario: Scenario
    method: Method
    seed: int
    iterations: int
    n: int
    fit: Fits
    generate: Decodings
    evaluate: Evaluation
    shard: int
    metrics: str  # digest of the metric families' identities
    label: str

    @cached_property
    def topology(self) -> dict[str, Any]:
        """The scenario without its names and without settings of a modality that makes or trains nothing in it."""
        s, members = self.scenario, self.scenario.members
        if not s.trains:
            members = replace(members, live=True, segments=False)
        return {
            "trains": sorted(s.trains), "images": s.images, "captions": s.captions, "prompts": s.prompts,
            "frozen": sorted(set(s.frozen) & s.makes) if s.trains else [], "start": s.start if s.trains else "previous",
            "members": members if members.count > 1 else None,
            "generate": {modality: getattr(self.generate, modality) for modality in s.makes},
            "fit": {modality: getattr(self.fit, modality) for modality in s.trains},
            **({} if s.trains else {CHAIN.kind: CHAIN.version}),
            **({"closed": CLOSED} if s.closed else {}),
        }  # fmt: skip

    def protocol(self, world: World) -> str:
        """Return the digest of what makes two cells comparable: never mitigations, seeds, metrics or names.

        A scenario patched by a method is scored under the protocol of the scenario as it was.
        """
        members = self.scenario.members
        part = world.part(self.scenario.makes, members.count if members.kind == "diverse" else 1)
        return digest([versions(), part, self.topology, self.iterations, self.n, self.evaluate, self.shard])

    def key(self, world: World) -> str:
        """Return the content key of the cell."""
        scores = any(SCORED.intersection(reads) for reads in self.method.hooks.reads.values())
        scorers = world.models["scorers"] if scores else ()
        return digest([self.protocol(world), self.method.identity, scorers, self.seed, self.metrics])


@dataclass
class Trace:
    """Keys of a cell that its result is read from, filled while the loop is walked."""

    metrics: dict[int, list[str]] = field(default_factory=dict)  # iteration -> metrics steps
    sets: dict[int, list[str]] = field(default_factory=dict)  # iteration -> metrics steps of the training set
    work: dict[int, list[str]] = field(default_factory=dict)  # iteration -> steps whose cost the method bears
    samples: dict[tuple[str, int], str] = field(default_factory=dict)  # (modality, iteration) -> evaluation samples
    floors: list[str] = field(default_factory=list)

    def targets(self) -> list[str]:
        """Return the keys without which the cell is not done."""
        lists = [*self.metrics.values(), *self.sets.values(), self.floors]
        return [key for keys in lists for key in keys]


def ancestors(walked: dict[str, Step], targets: Iterable[str]) -> list[str]:
    """Return the keys that the targets need, in the order walked; steps nobody reads are left out."""
    needed = set(targets)
    for key in reversed(list(walked)):
        if key in needed:
            needed.update(walked[key].parents)
    return [key for key in walked if key in needed]

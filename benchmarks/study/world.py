"""The testbed as the planner sees it: every part with its identity, and who measures what; free of torch."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.study.testbed import ModelSpec, Testbed
from records.canonical import Spec, digest
from records.identity import authors, identity, versioned
from records.names import MetricName
from records.place import located
from records.sources import read_class

#: What a judge may embed, and whose features are those of each side's own outputs.
KINDS = ("images", "captions")
OWN = {"captioner": "captions", "generator": "images", "set": "images"}
#: In the place of a digest of weights that are not on this machine.
MISSING = "missing"


@dataclass(frozen=True)
class DeclaredFamily:
    """A metric family, read from its source."""

    class_path: str
    version: int
    side: str
    needs: tuple[str, ...]
    declares: dict[str, dict[str, Any]]
    optional: tuple[str, ...] = ()

    @property
    def judged(self) -> bool:
        """Whether its numbers live in a judge's space."""
        return any(need.endswith("features") or need == "draws" for need in self.needs)

    @property
    def chained(self) -> bool:
        """Whether it measures generations of a chain, so that it says nothing where something trains."""
        return "begins" in self.needs

    def kinds(self, needs: Iterable[str]) -> set[str]:
        """Return what a judge has to embed for some of its needs."""
        own = OWN.get(self.side, "images")
        other = next(kind for kind in KINDS if kind != own)
        said = {"features": {own}, "draws": {own}, "draw_features": {own}, "real_features": {"images"},
                "paired_features": {other}, "real_caption_features": {"captions"}, "train_features": {"images"},
                "phrase_features": {"captions"}, "reference_features": {"captions"}, "origin_features": {"images"},
                "origin_paired_features": {"captions"}, "earlier_features": {"images"},
                "earlier_paired_features": {"captions"}}  # fmt: skip
        return {kind for need in needs for kind in said.get(need, ())}

    def served(self, embeds: tuple[str, ...]) -> bool:
        """Whether a judge that embeds this has all that the family needs, and something of what it can use."""
        required = self.kinds(need for need in self.needs if need not in self.optional)
        if self.side != "set":
            required.add(OWN.get(self.side, "images"))  # the pass over the outputs themselves
        return required <= set(embeds) and bool(self.kinds(self.needs) & set(embeds))

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What enters a key."""
        return identity(self.class_path)

    @cached_property
    def spec(self) -> Spec:
        """Identity and class, as its steps carry them."""
        return Spec(self.identity, self.class_path)

    def name(self, metric: str, n: int, judge: str | None) -> str:
        """Return the full name of one of its metrics, e.g. ``generator/frechet@clip,n=512``."""
        return str(MetricName(self.side, metric, judge, n))


@dataclass(frozen=True)
class World:
    """A testbed whose parts were found and identified.

    Attributes:
        testbed: As read from YAML.
        data: The data set itself (torch-free), for split sizes.
        data_spec: Its identity.
        models: Name -> identity of each model, by role: captioners, generators, judges, scorers.
        families: The suite's metric families.
        attributes: The list of attributes that judges read off images, as `AttributeList.ordered`, or None.
    """

    testbed: Testbed
    data: Any
    data_spec: Spec
    models: dict[str, tuple[Spec, ...]]
    families: tuple[DeclaredFamily, ...]
    attributes: Spec | None = None

    @cached_property
    def judge_names(self) -> list[str]:
        """Names of the judges, in the testbed's order."""
        return [m.name for m in self.testbed.judges]

    @cached_property
    def embeds(self) -> dict[str, tuple[str, ...]]:
        """What each judge embeds: images, captions, or both."""
        return {m.name: embedded_by(m) for m in self.testbed.judges}

    def judges_of(self, family: DeclaredFamily) -> list[str]:
        """Return the names of the judges that a judged family is measured with, in the testbed's order."""
        return [name for name in self.judge_names if family.served(self.embeds[name])]

    @cached_property
    def by_judge(self) -> dict[str, list[tuple[DeclaredFamily, str | None]]]:
        """Side -> its families, each once per judge that embeds what it needs, in the suite's order."""
        pairs: dict[str, list[tuple[DeclaredFamily, str | None]]] = defaultdict(list)
        for family in self.families:
            pairs[family.side].extend((family, name) for name in (self.judges_of(family) if family.judged else [None]))
        return pairs

    def part(self, modalities: Iterable[str], members: int) -> list[Spec]:
        """Return what a scenario runs on: the data and its first base members, nothing that it does not touch."""
        bases = [self.models[f"{modality}s"][:members] for modality in sorted(modalities)]
        return [self.data_spec, *(spec for specs in bases for spec in specs)]

    def phrases(self, families: Iterable[DeclaredFamily]) -> Spec | None:
        """Return the list of attributes if one of these families reads it."""
        return self.attributes if any("phrase_features" in family.needs for family in families) else None

    def judge(self, name: str | None) -> Spec | None:
        """Return the identity of a judge by its name."""
        return None if name is None else self.models["judges"][self.judge_names.index(name)]

    @cached_property
    def authored(self) -> tuple[tuple[str, str], ...]:
        """The authors' classes among its data and models, each with the digest of what it does."""
        return tuple(dict.fromkeys(found for spec in self._specs for found in authors(spec)))

    @cached_property
    def versions(self) -> tuple[tuple[str, Any], ...]:
        """The project's classes among them, each with its version."""
        return tuple(dict.fromkeys(found for spec in self._specs for found in versioned(spec)))

    @property
    def _specs(self) -> list[Spec]:
        return [self.data_spec, *(spec for specs in self.models.values() for spec in specs)]

    @cached_property
    def identity(self) -> str:
        """Digest of everything that the testbed brings into a comparison."""
        return digest([self.data_spec, {role: list(specs) for role, specs in self.models.items()}])


def model_folder(model: ModelSpec) -> Path | None:
    """Return the folder of a model's weights; see `records.place.located`."""
    return None if model.folder is None else located(model.folder)


def read_card(folder: Path) -> dict[str, Any] | None:
    """Return the card beside a model's weights, or None where there is none that can be read."""
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None
    return card if isinstance(card, dict) else None


def embedded_by(model: ModelSpec) -> tuple[str, ...]:
    """Return what a judge or scorer says that it embeds; one that does not say embeds both."""
    return tuple(read_class(model.class_path).literals.get("embeds", KINDS))

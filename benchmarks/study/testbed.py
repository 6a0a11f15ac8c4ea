"""What a suite runs on: data and models by class path, typed, frozen, free of torch."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from lightning_modules.settings import ADDED
from records.checks import distinct, require, schema
from records.errors import brief
from records.names import WORD, no_twins, plain_name

#: What pins the weights of a model of the hub.
COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class ClassSpec:
    """A class by its import path, and the arguments it is made with."""

    class_path: str
    init_args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelSpec:
    """A model of a testbed.

    Attributes:
        name: How people call it; never part of a key.
        class_path: The wrapper class.
        folder: Weights in the `save_pretrained` layout, with a `card.json` or without; a relative name is one of the
            project or of the folder a command runs in. None for a model that is made from `init_args` alone.
        hub: Name on the Hugging Face hub instead of a folder, with a pinned `revision`.
        revision: Commit of the hub repository.
        recipe: Name in `lightning_modules.bases.recipes` of what made the weights; where the recipe has changed since,
            the model gets another key and is trained anew before it is used.
        init_args: Arguments of the class beside its weights, such as a captioner's `prompt`; part of the key.
        trained_on: The splits of the data that its weights have seen (a judge and a scorer may share none).
        dtype: What its frozen weights are held in and it is run with; trained weights are float32 always.
    """

    name: str
    class_path: str
    folder: str | None = None
    hub: str | None = None
    revision: str | None = None
    recipe: str | None = None
    init_args: dict[str, Any] = field(default_factory=dict)
    trained_on: tuple[str, ...] = ()
    dtype: Literal["float32", "bfloat16"] = field(default="float32", metadata=ADDED)

    def __post_init__(self) -> None:
        """Check the name, and that the weights have one source, pinned."""
        plain_name(self.name, "name", 40)  # a judge's is part of a metric's
        require(self.folder is None or self.hub is None, f"{self.name}: give folder or hub, not both")
        require(self.hub is None or self.revision is not None, f"{self.name}: hub needs a pinned revision")
        pinned = self.revision is None or COMMIT.fullmatch(self.revision) is not None
        require(
            pinned,
            f"{self.name}: revision: found {brief(self.revision or '')!r}; allowed: a commit, 40 of 0-9a-f, since a "
            "branch is other weights tomorrow",
        )
        weightless = self.folder is None and self.hub is None
        require(not weightless or self.dtype == "float32", f"{self.name}: dtype needs weights: a folder or a hub name")


@dataclass(frozen=True)
class Testbed:
    """What a suite runs on: data with its splits, base models (member 0 is the anchor), judges and scorers.

    One side may be left out: scenarios that ask nothing of it run all the same.

    Attributes:
        attributes: File with the list of attributes that judges read off images, for data without an oracle.
    """

    schema: int
    name: str
    data: ClassSpec
    captioners: tuple[ModelSpec, ...] = ()
    generators: tuple[ModelSpec, ...] = ()
    judges: tuple[ModelSpec, ...] = ()
    scorers: tuple[ModelSpec, ...] = ()
    attributes: str | None = None

    def __post_init__(self) -> None:
        """Check the schema, the names, and that no judge is also a scorer."""
        schema(self.schema)
        require(bool(self.captioners or self.generators), "captioners, generators: found none; allowed: one or more")
        plain_name(self.name, "name")
        for key in ("captioners", "generators", "judges", "scorers"):
            distinct(tuple(m.name for m in getattr(self, key)), f"{key}: names")
            no_twins((m.name for m in getattr(self, key)), f"{key}: names")
        for judge in self.judges:
            for scorer in self.scorers:
                same = judge.name == scorer.name or (judge.folder is not None and judge.folder == scorer.folder)
                shared = sorted(set(judge.trained_on) & set(scorer.trained_on))
                require(
                    not same and not shared,
                    f"judges and scorers: {judge.name!r} and {scorer.name!r} share "
                    f"{'their weights' if same else f'the training split {shared}'}; a judge may never be a scorer",
                )

    def models(self, modality: str) -> tuple[ModelSpec, ...]:
        """Return the base members of one modality."""
        return self.captioners if modality == "captioner" else self.generators


#: (attribute, its values and the phrases of each), in order.
Phrases = tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]


@dataclass(frozen=True)
class AttributeList:
    """What a judge of images and captions is to read off images, and captions are to be read for.

    Attributes:
        attributes: Attribute -> value -> phrases that say the value.
        words: Attribute -> value -> words of which a caption that says the value has one; without any, captions are not
            read for it. `measure --attributes` alone asks for them.
    """

    schema: int
    name: str
    attributes: dict[str, dict[str, tuple[str, ...]]]
    words: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that there is something to choose between, under names that can be part of a metric's."""
        schema(self.schema)
        plain_name(self.name, "name")
        require(len(self.attributes) > 0, "attributes: found none; allowed: one or more")
        for attribute, values in self.attributes.items():
            where = f"attributes: {attribute}"
            require(len(values) > 1, f"{where}: found {', '.join(values) or 'no value'}; allowed: two values or more")
            for name in (attribute, *values):
                plain = WORD.fullmatch(name) is not None and len(name) <= 24
                require(plain, f"{where}: found {brief(name)!r}; allowed: letters, digits, _ and -, at most 24")
            for value, phrases in values.items():
                require(len(phrases) > 0, f"{where}: {value}: found no phrase; allowed: one or more")
        shifts = [f"{attribute}_{value}" for attribute, values in self.attributes.items() for value in values]
        distinct(tuple(shifts), "attributes: attribute_value")  # each names a metric
        for attribute, values in self.words.items():
            for value, words in values.items():
                known = value in self.attributes.get(attribute, {})
                require(known, f"words: {attribute}: found {brief(value)!r}; allowed: a value under attributes")
                require(len(words) > 0, f"words: {attribute}: {value}: found no word; allowed: one or more")

    def ordered(self) -> Phrases:
        """Return the list as keys hold it: in the order in which its phrases are embedded."""
        return tuple((attribute, tuple(values.items())) for attribute, values in self.attributes.items())

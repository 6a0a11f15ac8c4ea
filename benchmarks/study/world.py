"""The testbed as the planner sees it: every part with its identity, every check that needs no model made.

Nothing here imports torch. Data sets are imported (they are free of it); models and metric families are read as
source text.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.study.loading import load_attributes
from benchmarks.study.suite import Suite
from benchmarks.study.testbed import ClassSpec, ModelSpec, Testbed
from lightning_modules.weights.cards import digest as folder_digest
from records.canonical import Spec, digest
from records.declarations import facts
from records.errors import UsageError
from records.identity import by_name, identity
from records.names import MetricName
from records.place import located
from records.sources import ClassSource, import_class, read_class

#: What a judge may embed, and whose features are those of each side's own outputs.
KINDS = ("images", "captions")
#: In the place of a digest of weights that are not on this machine.
MISSING = "missing"
OWN = {"captioner": "captions", "generator": "images", "set": "images"}


@dataclass(frozen=True)
class Family:
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

    def kinds(self, needs: Iterable[str]) -> set[str]:
        """Return what a judge has to embed for some of its needs."""
        own = OWN.get(self.side, "images")
        other = next(kind for kind in KINDS if kind != own)
        said = {"features": {own}, "draws": {own}, "draw_features": {own}, "real_features": {"images"},
                "paired_features": {other}, "real_caption_features": {"captions"}, "train_features": {"images"},
                "phrase_features": {"captions"}, "reference_features": {"captions"}}  # fmt: skip
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
        attributes: The list of attributes that judges read off images, as `AttributeList.attributes`, or None.
    """

    testbed: Testbed
    data: Any
    data_spec: Spec
    models: dict[str, tuple[Spec, ...]]
    families: tuple[Family, ...]
    attributes: Spec | None = None

    def families_of(self, side: str) -> list[Family]:
        """Return the families that measure one side."""
        return [f for f in self.families if f.side == side]

    @cached_property
    def judge_names(self) -> list[str]:
        """Names of the judges, in the testbed's order."""
        return [m.name for m in self.testbed.judges]

    @cached_property
    def embeds(self) -> dict[str, tuple[str, ...]]:
        """What each judge embeds: images, captions, or both."""
        return {m.name: _embeds(m) for m in self.testbed.judges}

    def judges_of(self, family: Family) -> list[str]:
        """Return the names of the judges that a judged family is measured with, in the testbed's order."""
        return [name for name in self.judge_names if family.served(self.embeds[name])]

    @cached_property
    def by_judge(self) -> dict[str, list[tuple[Family, str | None]]]:
        """Side -> its families, each once per judge that embeds what it needs, in the suite's order."""
        pairs: dict[str, list[tuple[Family, str | None]]] = defaultdict(list)
        for family in self.families:
            pairs[family.side].extend((family, name) for name in (self.judges_of(family) if family.judged else [None]))
        return pairs

    def part(self, modalities: Iterable[str], members: int) -> list[Spec]:
        """Return what a scenario runs on: the data and its first base members, nothing that it does not touch."""
        bases = [self.models[f"{modality}s"][:members] for modality in sorted(modalities)]
        return [self.data_spec, *(spec for specs in bases for spec in specs)]

    def judge(self, name: str | None) -> Spec | None:
        """Return the identity of a judge by its name."""
        return None if name is None else self.models["judges"][self.judge_names.index(name)]

    @cached_property
    def identity(self) -> str:
        """Digest of everything that the testbed brings into a comparison."""
        return digest([self.data_spec, {role: list(specs) for role, specs in self.models.items()}])


def open_world(suite: Suite, testbed: Testbed, suite_file: Path, testbed_file: Path) -> World:
    """Check and identify every part of a testbed.

    Raises:
        UsageError: When a class, folder, split or need is missing.
    """
    _read(testbed.data.class_path, f"{testbed_file}: data")
    data = _make(testbed.data, f"{testbed_file}: data")
    data_spec = Spec(
        {
            **identity(testbed.data.class_path),
            "init_args": getattr(data, "identity", by_name(testbed.data.init_args)),
        },
        testbed.data,
    )
    models = {
        role: tuple(_identify(model, testbed.data, f"{testbed_file}: {role}") for model in getattr(testbed, role))
        for role in ("captioners", "generators", "judges", "scorers")
    }
    _check_scorers(testbed, models, testbed_file)
    families = tuple(_family(path, suite_file) for path in suite.metrics)
    _check_primary(suite, families, suite_file)
    if any(f.judged for f in families) and not testbed.judges:
        raise UsageError(f"{suite_file}: metrics: a family needs a judge, and {testbed_file} names none under judges")
    _check_embeds(testbed, testbed_file)
    listed = load_attributes(testbed, testbed_file)
    attributes = None if listed is None else Spec(listed.attributes)
    world = World(testbed, data, data_spec, models, families, attributes)
    _check_primary_judges(suite, world, suite_file, testbed_file)
    return world


def _read(class_path: str, where: str) -> ClassSource:
    try:
        return read_class(class_path)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def _check_arguments(init_args: dict[str, Any], source: ClassSource, where: str) -> None:
    allowed = source.parameters
    unknown = [k for k in init_args if allowed is not None and k not in allowed]
    if unknown:
        raise UsageError(f"{where}: init_args: key {unknown[0]!r} is unknown; allowed: {', '.join(allowed or ())}")


def _make(spec: ClassSpec, where: str) -> Any:
    cls = import_class(spec.class_path)
    _check_arguments(spec.init_args, read_class(spec.class_path), where)
    try:
        return cls(**spec.init_args)
    except (TypeError, ValueError, OSError) as error:
        raise UsageError(f"{where}: {spec.class_path}: {error}") from error


def model_folder(model: ModelSpec) -> Path | None:
    """Return the folder of a model's weights; see `records.place.located`."""
    return None if model.folder is None else located(model.folder)


def _identify(model: ModelSpec, data: ClassSpec, where: str) -> Spec:
    source = _read(model.class_path, f"{where}: {model.name}")
    _check_arguments(model.init_args, source, f"{where}: {model.name}")
    entering: dict[str, Any] = {**identity(model.class_path), "init_args": by_name(model.init_args)}
    if model.dtype != "float32":
        entering["dtype"] = model.dtype
    folder = model_folder(model)
    if model.hub is not None:
        entering["hub"], entering["revision"] = model.hub, model.revision
    elif folder is not None:
        recipe = _recipe(model, data, where)
        card = read_card(folder)
        if recipe is not None and (card is None or card.get("recipe_digest") != recipe):
            entering["recipe"] = recipe
        else:  # what is missing can be planned with, so that `plan` says what is needed; a run is refused
            entering["weights"] = folder_digest(folder) if folder.is_dir() else MISSING
    return Spec(entering, (model, data))


def read_card(folder: Path) -> dict[str, Any] | None:
    """Return the card beside a model's weights, or None where there is none."""
    card = folder / "card.json"
    return json.loads(card.read_text(encoding="utf-8")) if card.is_file() else None


def _recipe(model: ModelSpec, data: ClassSpec, where: str) -> str | None:
    """Return the digest of a model's recipe on the testbed's data; where no shipped weights have it, it is trained."""
    if model.recipe is None:
        return None
    from lightning_modules.bases.recipes import SCENES  # free of torch

    if model.recipe not in SCENES:
        raise UsageError(f"{where}: {model.name}: recipe: found {model.recipe!r}; allowed: {', '.join(SCENES)}")
    return on_data(SCENES[model.recipe], data.init_args).digest


def on_data(recipe: Any, init_args: dict[str, Any]) -> Any:
    """Return a recipe on other data of the same class, such as another domain of scenes."""
    return replace(recipe, data={**recipe.data, "init_args": {**recipe.data["init_args"], **init_args}})


def _check_scorers(testbed: Testbed, models: dict[str, tuple[Spec, ...]], testbed_file: Path) -> None:
    """Refuse a scorer with the weights of a judge, whatever they are called and wherever they lie."""
    for judge, judged in zip(testbed.judges, models["judges"], strict=True):
        for scorer, scored in zip(testbed.scorers, models["scorers"], strict=True):
            if _weights(judged) == _weights(scored):
                raise UsageError(
                    f"{testbed_file}: judges and scorers: {judge.name!r} and {scorer.name!r} have the same weights; "
                    "a judge may never be a scorer"
                )


def _weights(spec: Spec) -> Any:
    """Return what tells the weights of two models apart."""
    for source in ("weights", "recipe", "hub"):
        if source in spec.value:
            return spec.value[source]
    return spec.value


def _embeds(model: ModelSpec) -> tuple[str, ...]:
    """Return what a judge or scorer says that it embeds; one that does not say embeds both."""
    return tuple(read_class(model.class_path).literals.get("embeds", KINDS))


def _check_embeds(testbed: Testbed, testbed_file: Path) -> None:
    """Refuse a judge of nothing that is known here, and a scorer that does not embed both images and captions."""
    for role, models in (("judges", testbed.judges), ("scorers", testbed.scorers)):
        for model in models:
            found = _embeds(model)
            if not found or set(found) - set(KINDS) or (role == "scorers" and set(found) != set(KINDS)):
                allowed = " and ".join(KINDS) + (", or one of them" if role == "judges" else "")
                raise UsageError(
                    f"{testbed_file}: {role}: {model.name}: {model.class_path} embeds "
                    f"{', '.join(found) or 'nothing'}; allowed: {allowed}"
                )


def _check_primary_judges(suite: Suite, world: World, suite_file: Path, testbed_file: Path) -> None:
    """Refuse a primary metric that no judge of the testbed can measure."""
    for modality, metric in suite.primary.items():
        declaring = [f for f in world.families_of(modality) if facts(f.declares, metric) is not None]
        if all(f.judged and not world.judges_of(f) for f in declaring):
            needed = " and ".join(kind for kind in KINDS if kind in declaring[0].kinds(declaring[0].needs))
            judges = ", ".join(f"{name} ({' and '.join(kinds)})" for name, kinds in world.embeds.items())
            raise UsageError(
                f"{suite_file}: primary: {modality}: {metric!r} needs a judge that embeds {needed}; "
                f"found in {testbed_file}: {judges}"
            )


def _family(class_path: str, suite_file: Path) -> Family:
    literals = _read(class_path, f"{suite_file}: metrics").literals
    missing = [k for k in ("version", "side", "needs", "declares") if k not in literals]
    if missing:
        raise UsageError(f"{suite_file}: metrics: {class_path} lacks the class-level literals {missing}")
    return Family(class_path, literals["version"], literals["side"], tuple(literals["needs"]), literals["declares"],
                  tuple(literals.get("optional", ())))  # fmt: skip


def _check_primary(suite: Suite, families: tuple[Family, ...], suite_file: Path) -> None:
    for modality, metric in suite.primary.items():
        mine = [f for f in families if f.side == modality]
        found = next((told for f in mine if (told := facts(f.declares, metric)) is not None), None)
        if found is None:
            declared = ", ".join(sorted(name for f in mine for name in f.declares))
            raise UsageError(f"{suite_file}: primary: {modality}: found {metric!r}; allowed: {declared}")
        if found["direction"] == "none":
            raise UsageError(f"{suite_file}: primary: {modality}: {metric!r} has no direction; allowed: one that has")

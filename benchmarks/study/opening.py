"""Opening a testbed: every part is found, identified and checked, as far as that needs no model made.

Nothing here imports torch. Data sets are imported (they are free of it); models and metric families are read as
source text.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import make_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from benchmarks.study.loading import load_attributes
from benchmarks.study.suite import Suite
from benchmarks.study.testbed import ClassSpec, ModelSpec, Testbed
from benchmarks.study.world import KINDS, MISSING, DeclaredFamily, World, embedded_by, model_folder, read_card
from lightning_modules.bases.recipes import Recipe
from lightning_modules.bases.small import RECIPES
from lightning_modules.weights.cards import digest as folder_digest
from lightning_modules.weights.contents import card_digest
from lightning_modules.weights.sources import MissingModel
from records.canonical import Spec
from records.checks import require
from records.codec import decode
from records.declarations import facts
from records.errors import UsageError, naming
from records.identity import by_name, identity
from records.names import SIDES, WORD
from records.sources import ClassSource, import_class, read_class

#: Which way a metric gets better; one without a direction cannot be what a modality is judged by.
DIRECTIONS = ("up", "down", "none")
#: What divides the side of the pictures that recipes are made for: patches, and latents that are halved once.
EVEN = 8
#: The types of arguments that are looked at before a class is made.
TYPES: dict[str, Any] = {kind.__name__: kind for kind in (int, float, str, bool, list, tuple, dict)} | {
    "None": None, "Any": Any, "Literal": Literal, "Sequence": Sequence, "Mapping": Mapping,
}  # fmt: skip


def open_world(suite: Suite, testbed: Testbed, suite_file: Path, testbed_file: Path) -> World:
    """Check and identify every part of a testbed.

    Raises:
        UsageError: When a class, folder, split or need is missing.
    """
    data = make_data(testbed.data, f"{testbed_file}: data")
    for split, size in data.sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise UsageError(
                f"{testbed_file}: data: sizes: {split}: found {size!r}; allowed: a whole number, 0 or more"
            )
    arguments = getattr(data, "identity", by_name(testbed.data.init_args))
    data_spec = Spec({**identity(testbed.data.class_path), "init_args": arguments}, testbed.data)
    models = {
        role: tuple(_identify(model, testbed.data, data, testbed_file, role) for model in getattr(testbed, role))
        for role in ("captioners", "generators", "judges", "scorers")
    }
    _check_scorers(testbed, models, testbed_file)
    families = tuple(_family(path, f"{suite_file}: metrics") for path in suite.metrics)
    _check_once(families, f"{suite_file}: metrics")
    _check_primary(suite, families, suite_file)
    if any(f.judged for f in families) and not testbed.judges:
        raise UsageError(f"{suite_file}: metrics: a family needs a judge, and {testbed_file} names none under judges")
    _check_embeds(testbed, testbed_file)
    listed = load_attributes(testbed, testbed_file)
    attributes = None if listed is None else Spec(listed.ordered())
    world = World(testbed, data, data_spec, models, families, attributes)
    _check_primary_judges(suite, world, suite_file, testbed_file)
    return world


def _read(class_path: str, init_args: dict[str, Any], where: str) -> ClassSource:
    """Read a class and check that it takes the arguments."""
    with naming(where):
        source = read_class(class_path)
    allowed = source.parameters
    unknown = [k for k in init_args if allowed is not None and k not in allowed]
    if unknown:
        raise UsageError(f"{where}: init_args: key {unknown[0]!r} is unknown; allowed: {', '.join(allowed or ())}")
    check_arguments(source, init_args, where)
    return source


def check_arguments(source: ClassSource, init_args: dict[str, Any], where: str) -> None:
    """Refuse arguments of another type than the class says that it takes, where it says so in Python's own types.

    Raises:
        UsageError: Naming the argument, what was found and what is allowed.
    """
    for key in (key for key in init_args if key in source.annotations):
        if (holder := _argument(key, source.annotations[key])) is not None:
            with naming(f"{where}: init_args", ValueError):
                decode(holder, {key: init_args[key]})


#: What a type is written with; nothing of it is called or looked up in another thing.
_OF_TYPES = (
    ast.Expression, ast.Name, ast.expr_context, ast.Subscript, ast.Tuple, ast.List, ast.Constant, ast.BinOp, ast.BitOr,
)  # fmt: skip


@cache
def _argument(key: str, annotation: str) -> type | None:
    """Return a dataclass of one argument; None where its type is one of its module, which only the class can tell."""
    try:
        read = ast.parse(annotation, mode="eval")
        if isinstance(read.body, ast.Constant) and isinstance(read.body.value, str):  # a type in quotes
            read = ast.parse(read.body.value, mode="eval")
        if not _only_types(read):
            return None
        meant = eval(compile(read, key, "eval"), {"__builtins__": {}}, TYPES)  # noqa: S307 (names of types alone)
        return make_dataclass("Arguments", [(key, meant)])
    except (NameError, SyntaxError, TypeError, AttributeError):
        return None


def _only_types(annotation: ast.Expression) -> bool:
    """Whether it is written with names and brackets, so that nothing is called or looked up when it is evaluated."""
    choices = [node for node in ast.walk(annotation) if isinstance(node, ast.Subscript)
               and isinstance(node.value, ast.Name) and node.value.id == "Literal"]  # fmt: skip
    words = {part for node in choices for part in ast.walk(node)}
    return all(
        isinstance(node, _OF_TYPES) and not (isinstance(node, ast.Constant) and isinstance(node.value, str))
        for node in ast.walk(annotation) if node not in words or not isinstance(node, ast.Constant)
    )  # fmt: skip


def make_data(spec: ClassSpec, where: str) -> Any:
    """Make a data set; whatever it refuses is a UsageError."""
    _read(spec.class_path, spec.init_args, where)
    cls = import_class(spec.class_path)
    with naming(where, Exception):  # a class may refuse in any way of its own
        return cls(**spec.init_args)


def _identify(model: ModelSpec, data: ClassSpec, made: Any, file: Path, role: str) -> Spec:
    where = f"{file}: {role}: {model.name}"
    _read(model.class_path, model.init_args, where)
    entering: dict[str, Any] = {**identity(model.class_path), "init_args": by_name(model.init_args)}
    if model.dtype != "float32":
        entering["dtype"] = model.dtype
    folder = model_folder(model)
    if model.hub is not None:
        entering["hub"], entering["revision"] = model.hub, model.revision
    elif folder is not None:
        found = recipe_on(model, data, made, file, role)
        recipe = None if found is None else found.digest
        with naming(f"{where}: folder", MissingModel):
            card_digest(folder)  # a card that cannot be read does not speak of another recipe
        card = read_card(folder)
        if recipe is not None and (card is None or card.get("recipe_digest") != recipe):
            entering["recipe"] = recipe
        else:  # what is missing can be planned with, so that `plan` says what is needed; a run is refused
            with naming(f"{where}: folder", MissingModel):
                entering["weights"] = folder_digest(folder) if folder.is_dir() else MISSING
    return Spec(entering, (model, data))


def recipe_on(model: ModelSpec, data: ClassSpec, made: Any, file: Path, role: str) -> Recipe | None:
    """Return a model's recipe on the testbed's data, None where it names none; `made` is the data set itself.

    Raises:
        UsageError: No such recipe, or one that cannot be followed on these data.
    """
    if model.recipe is None:
        return None
    if model.recipe not in RECIPES:
        allowed = ", ".join(RECIPES)
        raise UsageError(f"{file}: {role}: {model.name}: recipe: found {model.recipe!r}; allowed: {allowed}")
    recipe = RECIPES[model.recipe]
    split, side = recipe.data["split"], getattr(made, "resolution", EVEN)
    if made.sizes.get(split, 0) < 1:
        raise UsageError(
            f"{file}: data: init_args: sizes: found no items of {split!r}, which recipe {recipe.name!r} of "
            f"{model.name!r} trains on; allowed: `{split}: 1` or more, or {role} that are not trained here"
        )
    if side % EVEN:
        raise UsageError(
            f"{file}: data: init_args: resolution: found {side}, and {model.name!r} is made by recipe {recipe.name!r}; "
            f"allowed: a multiple of {EVEN}"
        )
    return recipe.on(data.class_path, data.init_args, getattr(made, "identity", None))


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
        if source in spec.value and spec.value[source] != MISSING:
            return spec.value[source]
    return spec.value, spec.execution[0].folder


def _check_embeds(testbed: Testbed, testbed_file: Path) -> None:
    """Refuse a judge of nothing that is known here, and a scorer that does not embed both images and captions."""
    for role, models in (("judges", testbed.judges), ("scorers", testbed.scorers)):
        for model in models:
            found = embedded_by(model)
            if not found or set(found) - set(KINDS) or (role == "scorers" and set(found) != set(KINDS)):
                allowed = " and ".join(KINDS) + (", or one of them" if role == "judges" else "")
                raise UsageError(
                    f"{testbed_file}: {role}: {model.name}: {model.class_path} embeds "
                    f"{', '.join(found) or 'nothing'}; allowed: {allowed}"
                )


def _check_primary_judges(suite: Suite, world: World, suite_file: Path, testbed_file: Path) -> None:
    """Refuse a primary metric that no judge of the testbed can measure."""
    for modality, metric in suite.primary.items():
        declaring = [f for f in world.families if f.side == modality and facts(f.declares, metric) is not None]
        if all(f.judged and not world.judges_of(f) for f in declaring):
            needed = " and ".join(kind for kind in KINDS if kind in declaring[0].kinds(declaring[0].needs))
            judges = ", ".join(f"{name} ({' and '.join(kinds)})" for name, kinds in world.embeds.items())
            raise UsageError(
                f"{suite_file}: primary: {modality}: {metric!r} needs a judge that embeds {needed}; "
                f"found in {testbed_file}: {judges}"
            )


def _family(class_path: str, where: str) -> DeclaredFamily:
    literals = _read(class_path, {}, where).literals
    missing = [k for k in ("version", "side", "needs", "declares") if k not in literals]
    if missing:
        raise UsageError(f"{where}: {class_path} lacks the class-level literals {missing}")
    with naming(f"{where}: {class_path}", ValueError):
        _check_declares(literals)
    needs, optional = tuple(literals["needs"]), tuple(literals.get("optional", ()))
    return DeclaredFamily(class_path, literals["version"], literals["side"], needs, literals["declares"], optional)


def _check_declares(literals: dict[str, Any]) -> None:
    """Refuse a family whose numbers could not be named, ranked, or written into a result file."""
    side, declares = literals["side"], literals["declares"]
    require(side in SIDES, f"side: found {side!r}; allowed: {', '.join(SIDES)}")
    require(isinstance(declares, dict) and bool(declares), "declares: found no mapping; allowed: name -> facts")
    for name, told in declares.items():
        plain = isinstance(name, str) and WORD.fullmatch(name.removesuffix("*")) is not None
        require(plain, f"declares: found {name!r}; allowed: letters, digits, _ and -, and * at the end")
        direction = told.get("direction") if isinstance(told, dict) else told
        require(direction in DIRECTIONS, f"declares: {name}: direction: found {direction!r}; allowed: up, down, none")


def _check_once(families: Sequence[DeclaredFamily], where: str) -> None:
    """Refuse two families that give one name to their numbers: the later would lie over the earlier."""
    owners: dict[tuple[str, str], str] = {}
    for family in families:
        for name in family.declares:
            other = owners.setdefault((family.side, name), family.class_path)
            if other != family.class_path:
                raise UsageError(
                    f"{where}: {other} and {family.class_path} both declare {family.side}/{name}; allowed: one of them"
                )


def _check_primary(suite: Suite, families: tuple[DeclaredFamily, ...], suite_file: Path) -> None:
    for modality, metric in suite.primary.items():
        mine = [f for f in families if f.side == modality]
        found = next((told for f in mine if (told := facts(f.declares, metric)) is not None), None)
        if found is None:
            declared = ", ".join(sorted(name for f in mine for name in f.declares))
            raise UsageError(f"{suite_file}: primary: {modality}: found {metric!r}; allowed: {declared}")
        if found["direction"] == "none":
            raise UsageError(f"{suite_file}: primary: {modality}: {metric!r} has no direction; allowed: one that has")

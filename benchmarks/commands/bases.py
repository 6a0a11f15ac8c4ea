"""The command that trains base models: those that ship, or those of a testbed of one's own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.study.loading import SUITES, find_file, read
from benchmarks.study.opening import make_data, recipe_on
from benchmarks.study.testbed import ModelSpec, Testbed
from benchmarks.study.world import model_folder, read_card
from lightning_modules.bases.recipes import Recipe
from lightning_modules.bases.small import RECIPES
from records.errors import UsageError
from records.sources import add_to_path


def add_bases_command(commands: Any) -> None:
    """Add the command to the command line's parser."""
    command = commands.add_parser("bases", help=(bases.__doc__ or " ").splitlines()[0], allow_abbrev=False)
    command.add_argument("names", nargs="*", help="which bases, one after the other (default: all)")
    command.add_argument("--testbed", help="train the models of this testbed that name a recipe, on its own data")
    command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of checkpoints")
    command.set_defaults(run=bases)


def bases(options: argparse.Namespace) -> int:
    """Train the shipped base models again, or those of a testbed; goes on where a killed training stopped."""
    if options.overrides:
        raise UsageError(f"bases: found {options.overrides[0]!r}; allowed: names of bases")
    if options.testbed is not None:
        return train_for(options.testbed, options.names, options.runs / "bases")
    from lightning_modules.bases.train import main as train

    train(options.names)
    return 0


def train_for(name: str, names: list[str], work: Path) -> int:
    """Train the models of a testbed that name a recipe, each into the folder that it names; those there are left.

    Raises:
        UsageError: A name that is no such model, data that are not here, or a folder that is not called as its recipe.
    """
    file = find_file(name, Path.cwd(), "testbed", SUITES / "testbeds")
    add_to_path(file.parent)
    bed = read(Testbed, file)
    roles = ("captioners", "generators", "judges", "scorers")
    models = [(role, m) for role in roles for m in getattr(bed, role) if m.recipe is not None]
    known = [m.name for _, m in models]
    if wrong := [one for one in names if one not in known]:
        raise UsageError(f"bases: found {wrong[0]!r}; allowed: {', '.join(known) or 'no name: none has a recipe'}")
    made = make_data(bed.data, f"{file}: data")
    if missing := made.missing() if hasattr(made, "missing") else None:
        raise UsageError(f"{file}: data: {missing}")
    for role, model in models:
        if not names or model.name in names:
            _train(model, recipe_on(model, bed.data, made, file, role), bed, file, work)
    return 0


def _train(model: ModelSpec, recipe: Recipe | None, bed: Testbed, file: Path, work: Path) -> None:
    folder = model_folder(model)
    assert recipe is not None
    if folder is None or folder.name != recipe.name:
        raise UsageError(
            f"{file}: {model.name}: folder: found {model.folder!r}; allowed: one called {recipe.name!r}, as its recipe"
        )

    def prepare(name: str) -> None:
        from lightning_modules.bases.train import train_telling

        one = RECIPES[name].on(bed.data.class_path, bed.data.init_args, recipe.known)
        for need in one.needs:
            prepare(need)
        card = read_card(folder.parent / name)
        if card is not None and card.get("recipe_digest") == one.digest:
            print(f"{name}: there, in {folder.parent / name}")
        else:
            train_telling(one, folder.parent / name, work / one.digest[:16])

    prepare(recipe.name)

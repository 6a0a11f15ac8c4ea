"""Train the shipped bases from scratch: `python -m lightning_modules.bases.train [NAME...] [--work DIR]`."""

from __future__ import annotations

import argparse
import copy
import importlib
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lightning_modules.architectures.parts import MAX_LENGTH, Given
from lightning_modules.bases.recipes import SCENES, Recipe
from lightning_modules.fitting import runner
from lightning_modules.fitting.callbacks import Average, Checkpoint
from lightning_modules.fitting.contracts import Progress
from lightning_modules.fitting.order import cosine
from lightning_modules.inputs.tokens import learn_pieces, piece_tokenizer
from lightning_modules.seeds import derive
from lightning_modules.settings import FitSettings
from lightning_modules.weights import cards
from records.place import checkout

BASES = Path(__file__).parent / "scenes"
#: References an image at most, as suites use them.
REFERENCES = 5
#: Of captions that people wrote: most different pieces of words, and the longest caption in them, as CLIP reads it.
PIECES, LONGEST = 2000, 77


def home() -> Path:
    """Return the folder that bases go to: that of the shipped ones in a checkout, else `./bases`."""
    return BASES if checkout() else Path("bases")


def named(path: str) -> Any:
    """Return what a path such as `package.module:function` or `package.module.Class` names."""
    module, _, name = path.replace(":", ".").rpartition(".")
    return getattr(importlib.import_module(module), name)


def _items(data_set: Any, recipe: Recipe) -> np.ndarray:
    """Return the item numbers to train on; see `Recipe.data`."""
    split, items, balance = recipe.data["split"], recipe.data["items"], recipe.data["balance"]
    if not balance:
        return np.arange(min(items, data_set.sizes[split]))
    frequencies = data_set.oracle.frequencies()
    truth = data_set.attributes(split, np.arange(data_set.sizes[split]))
    rarity = [
        np.prod([np.mean([1 / frequencies[name][value] for value in t[name]]) for name in frequencies]) for t in truth
    ]
    odds = np.array(rarity) ** balance
    return np.random.default_rng(derive(recipe.seed, "items")).choice(len(odds), items, p=odds / odds.sum())


def _pairs(data_set: Any, recipe: Recipe) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return images, each with one or more of its references, at most five, chosen by the seed."""
    index = _items(data_set, recipe)
    captions = data_set.captions(recipe.data["split"], index)
    which = np.random.default_rng(derive(recipe.seed, "captions")).integers(0, REFERENCES, len(index))
    times = min(recipe.data.get("references", 1), max(map(len, captions)))
    chosen = tuple(
        said[(w + again) % min(REFERENCES, len(said))]
        for again in range(times)
        for said, w in zip(captions, which.tolist(), strict=True)
    )
    return np.tile(data_set.images(recipe.data["split"], index), (times, 1, 1, 1)), chosen


def given_of(data_set: Any, recipe: Recipe, siblings: Path, captions: Sequence[str]) -> Given:
    """Return what a network for these data is built for: its words where they are known, else pieces of the captions.

    Args:
        data_set: with a `vocabulary()`, if all words that its captions can hold are known.
        recipe: what is trained.
        siblings: folder of the bases that it needs.
        captions: those that it is trained on.
    """
    shared = recipe.needs[-1] if recipe.needs else "decoder"
    if hasattr(data_set, "vocabulary"):
        return Given(tuple(data_set.vocabulary()), data_set.image_size, siblings, shared=shared)
    side = data_set.images(recipe.data["split"], np.arange(1)).shape[1]
    pieces, merges = learn_pieces(captions, PIECES)
    longest = max(len(ids) for ids in piece_tokenizer(pieces, merges, LONGEST)(list(captions))["input_ids"])
    return Given(pieces, side, siblings, min(LONGEST, max(MAX_LENGTH, longest)), merges, shared)


def train_base(
    recipe: Recipe, folder: Path, progress: Progress | None = None, work: Path | None = None
) -> dict[str, Any]:
    """Train one base, write it to `folder` as half-precision safetensors with its card; return the card.

    Bases that the recipe needs lie beside the folder. Checkpoints go to `work`, from which a cut run goes on; None = no
    checkpoints. `progress` is called as progress(steps done, steps in all).

    Raises:
        NonFiniteLoss: the training diverged.
    """
    began = time.monotonic()
    data_set = named(recipe.data["class_path"])(**recipe.data["init_args"])
    torch.manual_seed(derive(recipe.seed, recipe.name, "weights"))
    images, captions = _pairs(data_set, recipe)
    given = given_of(data_set, recipe, Path(folder).parent, captions)
    module = named(recipe.build)(given, **recipe.options)
    data = module.encode(images, captions)
    settings = FitSettings(**recipe.fit)
    average = Average(module, recipe.average) if recipe.average else None
    checkpoint = Checkpoint(work / recipe.name / "state.pt", average, of=recipe.digest) if work else None
    start = checkpoint.read(module) if checkpoint else None
    callbacks = [callback for callback in (average, checkpoint) if callback is not None]
    seed, schedule = derive(recipe.seed, recipe.name, "fit"), cosine(settings.warmup, settings.steps)
    report = runner.fit(module, data, settings, seed, None, progress, schedule, callbacks, start)
    if average is not None:
        average.copy_to(module)
    if hasattr(module, "finish"):
        module.finish(data)
    copy.deepcopy(module).half().save(Path(folder))
    card = {
        "command": f"python -m lightning_modules.bases.train {recipe.name}",
        "recipe": recipe.name,
        "recipe_digest": recipe.digest,
        "data_seed": recipe.data["init_args"].get("seed", 0),
        "steps": report.steps,
        "loss": float(np.mean(report.losses[-100:])),
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    return cards.write(Path(folder), card)


def chosen(names: list[str], parser: argparse.ArgumentParser) -> list[str]:
    """Return the bases that a command names, or else those that ship, each behind what it needs."""
    unknown = [name for name in names if name not in SCENES]
    if unknown:
        parser.error(f"names: found {unknown[0]!r}; allowed: {', '.join(sorted(SCENES))}")
    return names or [name for name in SCENES if (BASES / name / "card.json").is_file()]


def main(arguments: list[str] | None = None) -> None:
    """Train the bases named on the command line, in that order, or all that ship."""
    parser = argparse.ArgumentParser(
        prog="python -m lightning_modules.bases.train", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("names", nargs="*", help="bases to train, in this order (default: all that ship)")
    parser.add_argument("--work", type=Path, default=Path("runs/bases"), help="folder of checkpoints")
    parser.add_argument("--out", type=Path, default=home(), help="folder that the bases go to")
    options = parser.parse_args(arguments)
    names = chosen(options.names, parser)
    torch.set_num_threads(1)
    for name in names:
        for need in SCENES[name].needs:
            if not (options.out / need).is_dir():  # in a folder of one's own the shipped one serves
                shutil.copytree(BASES / need, options.out / need)
        train_telling(SCENES[name], options.out / name, options.work)


def train_telling(recipe: Recipe, folder: Path, work: Path) -> None:
    """Train one base as `train_base` does, and print how far it is and at the end its card."""
    began, recent = time.monotonic(), 0

    def tell(done: int, total: int) -> None:
        nonlocal recent
        if done - recent >= 50 or done == total:
            recent = done
            print(f"{recipe.name} {done}/{total} {time.monotonic() - began:.0f} s", flush=True)

    print(recipe.name, train_base(recipe, folder, tell, work), flush=True)


if __name__ == "__main__":
    main()

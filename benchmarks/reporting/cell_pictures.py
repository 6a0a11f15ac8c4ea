"""The pictures of a cell: a grid of images and a table of captions over iterations, named as its row is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.planning.plan import Plan
from benchmarks.reporting.pages.film_files import (
    READ,
    FilmData,
    Frequencies,
    attribute_frequencies,
    made_for,
    word_frequencies,
    write_film,
)
from benchmarks.reporting.pictures import OF, caption_table, frequency_table, made_of, thumbnails, write_grid
from benchmarks.steps.items import PROMPT_SPLIT
from benchmarks.storage.store import Store
from datamodules.images import Images
from leaderboard.text import markdown_escape
from records.files import write_text
from records.names import RowName
from records.results import CellResult


def write_pictures(plan: Plan, store: Store, folder: Path, key: str, result: CellResult) -> None:
    """Write an image grid, a caption table and films of a complete cell for each of its rows; what is there stays.

    One row, or column, an iteration: the same prompts and noise in each, or a chain's generations of the same pairs.
    """
    samples, split = plan.cells[key].trace.samples, "evaluation" if result.trains else PROMPT_SPLIT
    for modality in sorted({side for side, _ in samples}):
        made = {t: k for (side, t), k in sorted(samples.items()) if side == modality}
        targets = {home / FILE_OF[modality]: name for home, name in _homes(folder, result).items()}
        wanted = {
            target: name for target, name in targets.items()
            if made_of(target) != result.key or made_for(target.parent, modality) != result.key
        }  # fmt: skip
        if wanted and all(store.has(k) for k in made.values()):
            samples_of = {t: store.get(k) for t, k in made.items()}
            shown = _shown(plan.world.data, samples_of, split)
            if shown is None:
                return
            read = _frequencies(plan.world.data, samples_of, modality, split)
            for target, name in wanted.items():
                target.parent.mkdir(parents=True, exist_ok=True)
                _write(shown, modality, target, name, result.key, read)


#: What the pictures of a side are called.
FILE_OF = {"generator": "grid.png", "captioner": "captions.md"}


def _homes(folder: Path, result: CellResult) -> dict[Path, str]:
    """Return the folder of the pictures of every row that a cell serves, with what the pictures are called."""
    names = {RowName.of(row): (row.scenario, row.variant, row.mitigation) for row in result.rows}
    seed = f"seed={result.seed}"
    return {folder.joinpath("pictures", *parts, seed): f"{name}, seed {result.seed}" for name, parts in names.items()}


@dataclass(frozen=True)
class _Shown:
    """What pictures of one side show: the same items in every iteration, some of them rare, and what people have."""

    pairs: dict[int, Any]
    rare: frozenset[int]
    captions: list[str]
    images: np.ndarray


def _shown(data: Any, samples: dict[int, Any], split: str) -> _Shown | None:
    """Choose what is shown of the samples (Pairs) of every iteration; None where nothing is a picture."""
    first = next(iter(samples.values()))
    if first.images.ndim != 4:
        return None  # the analytic testbed draws numbers, not pictures
    items, rare = shown_items(data, first.ids, split=split)
    pairs = {t: p.take(items) for t, p in samples.items()}
    ids = pairs[min(pairs)].ids
    return _Shown(pairs, rare, [texts[0] for texts in data.captions(split, ids)], data.images(split, ids))


@dataclass(frozen=True)
class _Read:
    """How often each attribute value, or word, was drawn or said: at each step, over so many items."""

    shares: Frequencies
    steps: list[str]
    items: int


def _frequencies(data: Any, samples: dict[int, Any], modality: str, split: str) -> _Read:
    """Read attributes off the first items of every iteration; words of captions where the data have no oracle."""
    first = next(iter(samples.values()))
    count = min(READ, len(first.ids))
    steps = ["real", *(f"t = {t}" for t in samples)]
    if data.oracle is None:
        if modality == "generator":
            return _Read({}, [], 0)
        said = {"real": [texts[0] for texts in data.captions(split, first.ids[:count])]}
        said |= {f"t = {t}": list(p.captions[:count]) for t, p in samples.items()}
        return _Read(word_frequencies(said), steps, count)
    truth = data.attributes(split, first.ids[:count])
    parts: dict[str, Any] = {
        "real": {name: np.array([v for item in truth for v in item[name]], dtype=object) for name in truth[0]}
    }
    for t, pairs in samples.items():
        some = pairs.take(range(count))
        read = (
            data.oracle.read_images(np.asarray(some.images))
            if modality == "generator" else data.oracle.read_captions(list(some.captions))
        )  # fmt: skip
        parts[f"t = {t}"] = read.values
    return _Read(attribute_frequencies(parts), steps, count)


def _write(shown: _Shown, modality: str, target: Path, name: str, key: str, read: _Read) -> None:
    first = shown.pairs[min(shown.pairs)]
    rare = sorted(shown.rare)
    people = thumbnails(shown.images)
    if modality == "generator":
        heads = list(first.prompts if any(first.prompts) else first.captions)
        drawn = {f"t = {t}": p.images for t, p in shown.pairs.items()}
        tiles = [thumbnails(x.unchecked() if isinstance(x, Images) else x) for x in drawn.values()]
        labels = [*drawn]
        if people.shape[1:] == tiles[0].shape[1:]:
            tiles, labels = [people, *tiles], ["real", *labels]
        title = f"{name}: the same prompts and noise in every row{'; rare ones in colour' * bool(shown.rare)}"
        write_grid(target, tiles, labels, heads, title, shown.rare, key)
        film = FilmData(key, name, modality, labels, heads, rare, [], 0)
        write_film(target.parent, replace(film, frequencies=read.shares, steps=read.steps, read=read.items), tiles)
        return
    said = {t: list(p.captions) for t, p in shown.pairs.items()}
    table = caption_table(said, shown.captions, marked=shown.rare)
    notes = "**bold**: a word that the first caption does not have; ~~struck out~~: one that it lost."
    notes += f" \\*: an image with rare attributes.{'' if shown.rare else ' There is none.'}"
    drift = frequency_table(read.shares, read.steps, read.items)
    write_text(
        target,
        f"# {markdown_escape(name)}: captions of the same images\n\n{table}\n{notes}\n{drift}\n<!-- {OF} {key} -->\n",
    )
    captions = [list(texts) for texts in zip(*said.values(), strict=True)]
    film = FilmData(key, name, modality, [f"t = {t}" for t in said], shown.captions, rare, [], 0, captions)
    write_film(target.parent, replace(film, frequencies=read.shares, steps=read.steps, read=read.items), [people])


def shown_items(
    data: Any, ids: np.ndarray, count: int = 10, split: str = "evaluation"
) -> tuple[np.ndarray, frozenset[int]]:
    """Return which items people are shown: the first ones, and as many with the rarest attributes.

    Collapse eats the tail first, so a picture of common scenes alone would look healthy for long. Data without an
    oracle show their first items.

    Args:
        data: The data set.
        ids: (n,) items of the split that there are samples of.
        count: How many at most.
        split: The split.

    Returns:
        At most `count` positions in `ids`, int64; and which of these were chosen for their rare attributes.
    """
    n = len(ids)
    if data.oracle is None:
        return np.arange(min(count, n)), frozenset()
    truth = data.attributes(split, ids)
    values = sorted(
        (share, name, value) for name, shares in data.oracle.frequencies().items() for value, share in shares.items()
    )
    chosen = list(range(min(count - count // 2, n)))
    common = len(chosen)
    for _, name, value in values:  # the rarest value of all first: one item that has it
        having = (i for i in range(n) if value in truth[i][name] and i not in chosen)
        if len(chosen) < min(count, n) and (item := next(having, None)) is not None:
            chosen.append(item)
    return np.array(chosen, dtype=np.int64), frozenset(range(common, len(chosen)))


def pictures_of(folder: Path, result: CellResult) -> list[Path]:
    """Return the pictures of a cell, of the first row that it serves, for MLflow."""
    home = next(iter(_homes(folder, result)))
    return [file for file in sorted(home.glob("*")) if made_of(file) == result.key]

"""The pictures of a cell: a grid of images and a table of captions over iterations, named as its row is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.planning.plan import Plan
from benchmarks.reporting.pictures import OF, caption_table, made_of, thumbnails, write_grid
from benchmarks.steps.items import PROMPT_SPLIT
from benchmarks.storage.store import Store
from datamodules.images import Images
from leaderboard.text import markdown_escape
from records.files import write_text
from records.names import RowName
from records.results import CellResult


def write_pictures(plan: Plan, store: Store, folder: Path, key: str, result: CellResult) -> None:
    """Write an image grid and a caption table of a complete cell for each of its rows; what is there stays.

    One row, or column, an iteration: the same prompts and noise in each, or a chain's generations of the same pairs.
    """
    samples, split = plan.cells[key].trace.samples, "evaluation" if result.trains else PROMPT_SPLIT
    for modality in sorted({side for side, _ in samples}):
        made = {t: k for (side, t), k in sorted(samples.items()) if side == modality}
        targets = {home / FILE_OF[modality]: name for home, name in _homes(folder, result).items()}
        wanted = {target: name for target, name in targets.items() if made_of(target) != result.key}
        if wanted and all(store.has(k) for k in made.values()):
            shown = _shown(plan.world.data, {t: store.get(k) for t, k in made.items()}, split)
            if shown is None:
                return
            for target, name in wanted.items():
                target.parent.mkdir(parents=True, exist_ok=True)
                _write(shown, modality, target, name, result.key)


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


def _write(shown: _Shown, modality: str, target: Path, name: str, key: str) -> None:
    first = shown.pairs[min(shown.pairs)]
    if modality == "generator":
        heads = list(first.prompts if any(first.prompts) else first.captions)
        drawn = {f"t = {t}": p.images for t, p in shown.pairs.items()}
        tiles = [thumbnails(x.unchecked() if isinstance(x, Images) else x) for x in drawn.values()]
        labels = [*drawn]
        people = thumbnails(shown.images)
        if people.shape[1:] == tiles[0].shape[1:]:
            tiles, labels = [people, *tiles], ["real", *labels]
        title = f"{name}: the same prompts and noise in every row{'; rare ones in colour' * bool(shown.rare)}"
        write_grid(target, tiles, labels, heads, title, shown.rare, key)
        return
    table = caption_table({t: list(p.captions) for t, p in shown.pairs.items()}, shown.captions, marked=shown.rare)
    notes = "**bold**: a word that the first caption does not have; ~~struck out~~: one that it lost."
    notes += f" \\*: an image with rare attributes.{'' if shown.rare else ' There is none.'}"
    write_text(
        target, f"# {markdown_escape(name)}: captions of the same images\n\n{table}\n{notes}\n\n<!-- {OF} {key} -->\n"
    )


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

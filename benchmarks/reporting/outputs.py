"""What a run leaves for people beside its board: pictures, MLflow's copy, and the plan in words."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.planning.estimate import estimate
from benchmarks.planning.plan import Plan, resolved
from benchmarks.steps.items import PROMPT_SPLIT
from benchmarks.storage.store import LocalStore, Store
from datamodules.images import Images
from records.files import write_text
from records.names import RowName
from records.results import CellResult, read_results


def describe(plan: Plan, store_root: Path) -> dict[str, Any]:
    """Return the plan as plain JSON data; nothing is written and no folder is made."""
    done = LocalStore.listing(store_root)
    rows = []
    for row in plan.rows:
        cell = plan.cells[row.keys[0]].cell
        rows.append(
            {"scenario": row.scenario, "variant": row.variant, "mitigation": row.mitigation, "parent": row.parent,
             "seeds": list(row.seeds), "n": cell.n, "iterations": cell.iterations, "protocol": row.protocol,
             "cells": list(row.keys)}
        )  # fmt: skip
    return {
        "suite": plan.suite.name,
        "digest": plan.digest,
        "protocol": {str(RowName.of(row).group): row.protocol for row in plan.rows},
        "rows": rows,
        "cells": list(plan.cells),
        "kinds": dict(Counter(s.kind for s in plan.steps.values())),
        "steps_total": plan.steps_total,
        "steps_unique": len(plan.steps),
        "steps_done": sum(key in done for key in plan.steps),
        "estimate": estimate(plan, store_root),
    }


def write_pictures(plan: Plan, store: Store, folder: Path, key: str, result: CellResult) -> None:
    """Write an image grid and a caption table of a complete cell; what is there is not made again.

    One row, or column, an iteration: the same prompts and noise in each, or a chain's generations of the same pairs.
    """
    home = folder / "pictures" / key[:16]
    planned = plan.cells[key]
    samples, split = planned.trace.samples, "evaluation" if result.trains else PROMPT_SPLIT
    for modality in sorted({side for side, _ in samples}):
        made = {t: k for (side, t), k in sorted(samples.items()) if side == modality}
        target = home / ("grid.png" if modality == "generator" else "captions.md")
        if not target.exists() and all(store.has(k) for k in made.values()):
            _write_picture(plan.world.data, {t: store.get(k) for t, k in made.items()}, modality, target, split)


def _write_picture(data: Any, samples: dict[int, Any], modality: str, target: Path, split: str) -> None:
    """Write the picture of one modality out of the samples (Pairs) of every iteration."""
    from benchmarks.reporting.pictures import caption_table, thumbnails, write_grid

    first = next(iter(samples.values()))
    if first.images.ndim != 4:
        return  # the analytic testbed draws numbers, not pictures
    items = shown_items(data, first.ids, split=split)
    pairs = {t: p.take(items) for t, p in samples.items()}
    first = pairs[min(pairs)]
    target.parent.mkdir(parents=True, exist_ok=True)
    if modality == "generator":
        heads = list(first.prompts if any(first.prompts) else first.captions)
        rows = [thumbnails(p.images.unchecked() if isinstance(p.images, Images) else p.images) for p in pairs.values()]
        write_grid(target, rows, [f"t = {t}" for t in pairs], heads)
    else:
        references = [texts[0] for texts in data.captions(split, first.ids)]
        table = caption_table({t: list(p.captions) for t, p in pairs.items()}, references)
        write_text(target, table)


def shown_items(data: Any, ids: np.ndarray, count: int = 10, split: str = "evaluation") -> np.ndarray:
    """Return which items people are shown: the first ones, and as many with the rarest attributes.

    Collapse eats the tail first, so a picture of common scenes alone would look healthy for long. Data without an
    oracle show their first items.

    Args:
        data: The data set.
        ids: (n,) items of the split that there are samples of.
        count: How many at most.
        split: The split.

    Returns:
        At most `count` positions in `ids`, int64.
    """
    n = len(ids)
    if data.oracle is None:
        return np.arange(min(count, n))
    truth = data.attributes(split, ids)
    values = sorted(
        (share, name, value) for name, shares in data.oracle.frequencies().items() for value, share in shares.items()
    )
    chosen = list(range(min(count - count // 2, n)))
    for _, name, value in values:  # the rarest value of all first: one item that has it
        having = (i for i in range(n) if value in truth[i][name] and i not in chosen)
        if len(chosen) < min(count, n) and (item := next(having, None)) is not None:
            chosen.append(item)
    return np.array(chosen, dtype=np.int64)


def pictures_of(plan: Plan, folder: Path, result: CellResult) -> list[Path]:
    """Return the pictures of a cell, for MLflow."""
    home = folder / "pictures" / result.key[:16]
    return sorted(home.iterdir()) if home.is_dir() else []


def mirror_plan(plan: Plan, runs: Path) -> str:
    """Copy the results of a plan's cells into MLflow; a second copy changes nothing. Return one line about it."""
    from benchmarks.reporting.tracking import mirror
    from records.canonical import canonical
    from records.yaml_text import yaml_text

    folder = plan.home(runs)
    results = [r for k, r in read_results(plan.results(runs)).items() if k in plan.cells]
    text = yaml_text(json.loads(canonical(resolved(plan))))
    done = mirror(results, lambda r: pictures_of(plan, folder, r), plan.suite.name, plan.digest, text, runs)
    return f"mlflow: {done}"


def try_mirror(plan: Plan, runs: Path) -> str:
    """Copy the results into MLflow where that can be done; one line says what came of it, and nothing is raised."""
    from benchmarks.reporting.mlflow_store import shown

    try:
        return mirror_plan(plan, runs)
    except Exception as error:
        why = shown(f"{type(error).__name__}: {error}")[:160]
        return f"note: MLflow has no copy ({why}); all results are in {runs}, and `mmcollapse mirror` makes it again"

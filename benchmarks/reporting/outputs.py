"""What a run leaves for people: board, pictures, MLflow's copy, and the plan in words."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.planning.estimate import estimate
from benchmarks.planning.plan import Plan, resolved
from benchmarks.planning.protocols import metric_infos
from benchmarks.steps.items import PROMPT_SPLIT
from benchmarks.storage.store import LocalStore, Store
from records.files import write_text
from records.names import RowName
from records.results import CellResult, read_results

if TYPE_CHECKING:
    from benchmarks.study.suite import Suite
    from leaderboard.board import Board
    from leaderboard.claims.family import ClaimFamily


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


def make_board(plan: Plan, results: Path, entries: Path | None = None) -> Board:
    """Return the board of a plan's rows over the result files that are there, beside committed entries.

    Args:
        plan: The current plan.
        results: Folder of result files.
        entries: Folder of entries; default: the project's.
    """
    from leaderboard.board import build  # scipy: a second that planning does not have
    from leaderboard.committed import beside_local
    from leaderboard.entries import FOLDER, read_entries
    from leaderboard.readings import BoardRow

    suite = plan.suite.name
    plain = f"make bench SUITE={suite}"
    rows = [
        BoardRow(
            r.scenario, r.variant, r.mitigation, r.parent, r.seeds, r.keys, r.applies_to,
            command=f"{plain} METHOD={r.mitigation}" if r.added else plain,
        )
        for r in plan.rows
    ]  # fmt: skip
    found = {k: r for k, r in read_results(results).items() if k in plan.cells}
    committed = read_entries(suite, entries or FOLDER)
    if not committed:
        return build(rows, found)
    planned = {(r.scenario, r.variant): metric_infos(plan, plan.cells[r.keys[0]], r.protocol) for r in plan.rows}
    merged, cells, foreign = beside_local(rows, found, committed, planned)
    board = build(merged, {k: cells[k] for row in merged for k in row.keys if k in cells})
    return replace(board, foreign=foreign)


def write_board(
    plan: Plan,
    folder: Path,
    entries: Path | None = None,
    sort: str | None = None,
    show: Callable[[str], object] | None = None,
) -> str:
    """Write leaderboard.md, leaderboard.csv, metrics.csv and pictures; return the text for a terminal.

    Args:
        plan: The current plan.
        folder: Where its results are and the board goes.
        entries: Folder of entries; default: the project's.
        sort: A column or metric that rows are in order of; default: the rank.
        show: Is given the board in words before any file is written, which may fail.
    """
    from leaderboard import frozen
    from leaderboard.render import markdown, terminal
    from leaderboard.sorting import sort_board
    from leaderboard.tables import csv_text, csv_wide

    board = make_board(plan, folder / "results", entries)
    if sort:
        board = sort_board(board, sort)
    words = "\n".join(filter(None, [terminal(board), frozen.terminal(board)]))
    if show is not None:
        show(words)
    folder.mkdir(parents=True, exist_ok=True)
    page = markdown(board, title=plan.suite.name) + frozen.section(board) + claims_section(plan, board)
    write_text(folder / "leaderboard.md", page)
    write_text(folder / "leaderboard.csv", csv_text(board))
    write_text(folder / "metrics.csv", csv_wide(board))
    try:
        _draw_board(board, folder)
    except Exception as error:  # pictures are for people: no number waits for them
        print(f"note: the board has no pictures ({type(error).__name__}: {error})", file=sys.stderr)
    return words


def _draw_board(board: Board, folder: Path) -> None:
    if any(not line.reading.problem for group in board.groups for line in group.lines):
        from leaderboard import curves, drawing, forest, frozen

        for name, part, there in (
            ("curves", curves, curves.drawable(board)),
            ("prevented", forest, forest.drawable(board)),
            ("frozen", frozen, frozen.chains(board)),
        ):
            if there:
                drawing.write_png(part.figure(board), folder / f"{name}.png")


def claims_section(plan: Plan, board: Board) -> str:
    """Return the table of a suite's claims for the board's page; "" where it states none."""
    from leaderboard.claims.report import section

    family = _claims(plan.suite, plan.file, board)
    return f"\n{section(family)}" if family else ""


def _claims(suite: Suite, file: Path, board: Board) -> ClaimFamily | None:
    """Test a suite's claims on the rows of a board; None where it states none."""
    from leaderboard.claims.family import judge_all, load_claims
    from leaderboard.series import Evidence

    claims = load_claims(suite.claims, file)
    return judge_all(suite.name, claims, Evidence(board.rows, board.results, file.parent)) if claims else None


def _entry_claims(suite: str, board: Board) -> ClaimFamily | None:
    """Test the claims of a shipped suite on committed entries; None for a suite that is not shipped or states none."""
    from benchmarks.study.loading import SUITES, load_suite

    return _claims(*load_suite(suite), board) if (SUITES / f"{suite}.yaml").is_file() else None


def write_entry_board(suite: str, entries: Path | None, boards: Path) -> list[Path]:
    """Write the committed board of a suite from its entries alone; return the files, none where it has no entry."""
    from leaderboard import frozen
    from leaderboard.claims.report import json_text as claims_text
    from leaderboard.claims.report import section
    from leaderboard.committed import entry_board
    from leaderboard.entries import FOLDER, read_entries
    from leaderboard.render import markdown
    from leaderboard.tables import csv_text, json_text

    committed = read_entries(suite, entries or FOLDER)
    if not committed:
        return []
    board = entry_board(committed)
    family = _entry_claims(suite, board)
    texts = {
        "md": markdown(board, suite) + frozen.section(board) + (f"\n{section(family)}" if family else ""),
        "csv": csv_text(board),
        "json": json_text(board, suite),
    }
    if family:
        texts["claims.json"] = claims_text(family)
    paths = []
    for ending, text in texts.items():
        paths.append(boards / f"{suite}.{ending}")
        write_text(paths[-1], text)
    return paths


def latex_text(plan: Plan, results: Path, entries: Path | None = None) -> str:
    """Return a suite's board as LaTeX tables: of its committed entries, or of its result files where it has none."""
    from leaderboard.committed import entry_board
    from leaderboard.entries import FOLDER, read_entries
    from leaderboard.latex import latex

    committed = read_entries(plan.suite.name, entries or FOLDER)
    return latex(entry_board(committed) if committed else make_board(plan, results), plan.suite.name)


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
    from benchmarks.reporting.pictures import caption_table, image_grid

    first = next(iter(samples.values()))
    if first.images.ndim != 4:
        return  # the analytic testbed draws numbers, not pictures
    items = shown_items(data, first.ids, split=split)
    pairs = {t: p.take(items) for t, p in samples.items()}
    first = pairs[min(pairs)]
    target.parent.mkdir(parents=True, exist_ok=True)
    if modality == "generator":
        heads = list(first.prompts if any(first.prompts) else first.captions)
        scale = max(1, 96 // first.images.shape[1])
        image_grid([p.images for p in pairs.values()], [f"t = {t}" for t in pairs], heads, scale).save(target)
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

    folder = runs / plan.suite.name
    results = [r for k, r in read_results(folder / "results").items() if k in plan.cells]
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

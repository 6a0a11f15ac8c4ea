"""Pages of every kind, made small for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.measuring.lines import Line
from benchmarks.measuring.measure import SCHEMA, Measured
from benchmarks.measuring.report import NOTE
from benchmarks.planning.planner import make_plan
from benchmarks.reporting.cell_pictures import write_pictures
from benchmarks.reporting.pages.board_page import board_page, board_parts
from benchmarks.reporting.pages.extras import Extras
from benchmarks.reporting.pages.film import films
from benchmarks.reporting.pages.measured import measured_page, series_page
from benchmarks.reporting.pages.published import entry_page
from datamodules.pairs import Pairs
from datamodules.scenes.dataset import Scenes
from leaderboard.committed import entry_board
from leaderboard.entries import read_entries
from records.names import GroupName
from records.results import CellResult, Row

GROUP = ("joint_finetune", "real_prompts")
HOME = Path("pictures", *GROUP, "none", "seed=0")
EVIL = "a <script>document.title='x'</script> & \u2028 ring"
KEY, STEPS, N = "a" * 64, 3, 40


def board_of_entries(folder: Path) -> Path:
    file = folder / "board.html"
    file.write_text(entry_page(make_plan("board"), entry_board(read_entries("board")), None), encoding="utf-8")
    return file


def sample(data: Scenes, t: int) -> Pairs:
    """What a model that forgets makes of the evaluation split: darker pictures, captions that lose a word a step."""
    ids = np.arange(N)
    images = (data.images("evaluation", ids) // (1 + t)).astype(np.uint8)
    said = [" ".join(texts[0].split()[: -t or None]) for texts in data.captions("evaluation", ids)]
    said[0] = EVIL if t == STEPS - 1 else said[0]
    prompts = [texts[0] for texts in data.captions("evaluation", ids)]
    return Pairs(ids=ids, images=images, captions=said, prompts=prompts, origin=[t] * N)


def report_of_a_run(folder: Path) -> Path:
    """Write the pictures, films and report of a run whose samples are known."""
    data = Scenes(domain="shapes", seed=0)
    samples = {(side, t): f"{side}{t}" for side in ("generator", "captioner") for t in range(STEPS)}
    store: Any = SimpleNamespace(has=lambda _: True, get=lambda key: sample(data, int(key[-1])))
    row = SimpleNamespace(scenario=GROUP[0], variant=GROUP[1], mitigation="none", seeds=(0,), keys=(KEY,))
    plan: Any = SimpleNamespace(
        rows=[row], cells={KEY: SimpleNamespace(trace=SimpleNamespace(samples=samples))},
        world=SimpleNamespace(data=data),
    )  # fmt: skip
    result = CellResult("s", "", KEY, 0, STEPS - 1, N, (Row(*GROUP, "none"),), ("captioner", "generator"), "complete")
    write_pictures(plan, store, folder, KEY, result)
    parts = board_parts(entry_board(read_entries("board")), "small", "from a test")
    found = films(plan, folder, {GroupName(*GROUP): "joint_finetune/real_prompts"})
    file = folder / "report.html"
    file.write_text(board_page(parts, Extras(kind="report", films=found)), encoding="utf-8")
    return file


def measured(name: str, copies: float) -> Measured:
    lines = (
        Line("length", "text", "", "words a caption", 9.0, 0.5, 10.0, 0.5),
        Line("copies", "text", "up", "captions that another item has, too", copies, 0.01, 0.02, 0.01, 0.001,
             "worse" if copies > 0.1 else "as real"),
        Line("colour", "images", "down", "colourfulness, 0 is grey", reason="12 different items; at least 50 are needed"),
    )  # fmt: skip
    openings = ((EVIL, 0.25, 0.125), ("there is a", 0.1, None))
    return Measured(
        name, "real", 300, 200, "read as a list", {"empty captions": 3}, {"empty captions": [EVIL]}, None, None, lines,
        openings, {}, "d" * 64, 0,
    )  # fmt: skip


def page_of_a_set(folder: Path) -> Path:
    file = folder / "measure.html"
    text = measured_page(measured("a_set", 0.3).document(), ["Worse: copies."], NOTE, f"mmcollapse measure {EVIL}")
    file.write_text(text, encoding="utf-8")
    return file


def page_of_a_series(folder: Path) -> Path:
    file = folder / "series.html"
    sets = [measured(f"generation_{i}", copies).document() for i, copies in enumerate((0.02, 0.08, 0.3))]
    file.write_text(series_page({"schema": SCHEMA, "sets": sets}, ["Worse."], NOTE, "mmcollapse measure"), "utf-8")
    return file


#: Kind of page -> writes one below a folder.
PAGES: dict[str, Callable[[Path], Path]] = {
    "board": board_of_entries, "report": report_of_a_run, "set": page_of_a_set, "series": page_of_a_series,
}  # fmt: skip

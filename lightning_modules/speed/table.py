"""The rows of a measurement as one table, ours beside the plain way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from lightning_modules.speed.measure import Row

SAMPLING, TRAINING = 1.25, 1.5

CAPTION = """\
{size} models with random weights; each side at the batch size that was best for it in a sweep that doubles.
plain: the pipeline or model as the library gives it, in the same precision, and a loop that encodes images and texts in
every step (autoencoder of SDXL in float32, as in diffusers' example).
ours: sampling with execution.compile, batch chosen without it; training with what encodes images and texts once: a
sample bears 2,000 / 6,400 of an encoding, as paper_full trains on 6,400 samples of 2,000 pairs an iteration.
warm-up (compiling, moving weights, first steps) is not counted in a rate. Guidance 5; greedy captions;
images are processed for BLIP-2 by the same processor on both sides, in ours on several threads."""


def compared(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return one entry a task: both rates, their ratio and whether it meets its target; None where one is missing."""
    entries = []
    for task in dict.fromkeys(row.task for row in rows):
        sides = {row.side: row for row in rows if row.task == task}
        target = TRAINING if "training" in task else SAMPLING
        both = len(sides) == 2 and all(row.rate > 0 for row in sides.values())
        ratio = sides["ours"].rate / sides["plain"].rate if both else None
        met = None if ratio is None else ratio >= target
        entries.append({"task": task, "ratio": ratio, "target": target, "met": met})
    return entries


def text(rows: Sequence[Row], size: str) -> str:
    """Return the table with its caption."""
    lines, notes = [], []
    for entry in compared(rows):
        sides = {row.side: row for row in rows if row.task == entry["task"]}
        line: list[Any] = [entry["task"]]
        for side in ("plain", "ours"):
            row = sides.get(side)
            if row is None or not row.rate:
                line += ["-"] * 4
            else:
                line += [f"{row.rate:.3g} {row.unit}", row.batch, f"{row.peak:.1f}", f"{row.warmup:.1f}"]
            if row is not None and row.skipped:
                notes.append(f"skipped: {row.task}, {row.side}: {row.skipped}")
        verdict = {True: "met", False: "missed", None: "-"}[entry["met"]]
        ratio = "-" if entry["ratio"] is None else f"{entry['ratio']:.2f}x"
        lines.append([*line, ratio, f"{entry['target']:.2f}x {verdict}"])
    heads = [f"{side}{what}" for side in ("plain", "ours") for what in ("", "\nbatch", "\nGiB", "\nwarm-up s")]
    found = tabulate(lines, ["task", *heads, "ratio", "target"], tablefmt="simple", disable_numparse=True)
    return "\n".join([CAPTION.format(size=size), "", found, *notes])

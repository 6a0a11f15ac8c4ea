"""Measure sampling and training, ours beside the plain way: `python -m lightning_modules.speed --help`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import diffusers
import peft
import torch
import transformers

from lightning_modules.fitting.devices import device
from lightning_modules.speed import blip2, models, sdxl, table
from lightning_modules.speed.adapter_fit import SHARE
from lightning_modules.speed.measure import Budget, Row

MODELS = ("sdxl", "blip2")
#: Of the budget, what SDXL may take where BLIP-2 comes after it.
SDXL_PART = 0.8


def measured(size: str, only: Sequence[str], steps: list[int], budget: Budget) -> Iterator[Row]:
    """Measure one model after the other; what one of them leaves in memory is gone before the next."""
    if "sdxl" in only:
        both = "blip2" in only
        yield from sdxl.rows(size, steps, Budget(SDXL_PART * budget.left()) if both else budget)
        torch.compiler.reset()
    if "blip2" in only:
        yield from blip2.rows(size, budget)


def run(size: str, only: Sequence[str], steps: list[int], seconds: float, out: Path | None) -> dict[str, Any]:
    """Measure, print the table, and write what was found after every row, so that a cut run leaves what it has."""
    budget, rows = Budget(seconds), list[Row]()
    found: dict[str, Any] = {"size": size, "machine": machine(), "share": SHARE, "rows": []}
    for row in measured(size, only, steps, budget):
        rows.append(row)
        found |= {"rows": [asdict(r) for r in rows], "comparison": table.compared(rows)}
        print(f"{row.task}, {row.side}: {row.skipped or f'{row.rate:.3g} {row.unit}'}", flush=True)
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(json.dumps(found, indent=2) + "\n")
    print("\n" + table.text(rows, size))
    return found


def machine() -> dict[str, str]:
    """Return what was measured on, and with which versions."""
    name = torch.cuda.get_device_name() if device().type == "cuda" else "CPU"
    libraries = (torch, diffusers, transformers, peft)
    return {"device": name, **{library.__name__: str(library.__version__) for library in libraries}}


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Read the command line and measure; wrong arguments, and full size without an accelerator, are a SystemExit."""
    parser = argparse.ArgumentParser(prog="python -m lightning_modules.speed", description=__doc__, allow_abbrev=False)
    parser.add_argument("--size", choices=sorted(models.SIZES), default="full", help="published sizes, or tiny models")
    parser.add_argument("--only", type=_names, default=list(MODELS), help="sdxl, blip2, or both with a comma")
    parser.add_argument("--steps", type=_numbers, default=[30, 50], help="denoising steps (default 30,50)")
    parser.add_argument("--seconds", type=float, default=540.0, help="budget; what does not fit is skipped and said so")
    parser.add_argument("--out", type=Path, help="JSON file")
    given = parser.parse_args(arguments)
    if given.size == "full" and device().type != "cuda":
        parser.error("--size full needs a CUDA GPU, and none was found; --size tiny runs anywhere")
    return run(given.size, given.only, given.steps, given.seconds, given.out)


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in MODELS]:
        raise argparse.ArgumentTypeError(f"found {unknown[0]!r}; allowed: {', '.join(MODELS)}")
    return names


def _numbers(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: numbers above 0 with commas between them")
    return [int(part) for part in parts]


if __name__ == "__main__":
    main()

"""Result files with known truth, made from curves: what gates and claims are tested on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from leaderboard.readings import BoardRow
from leaderboard.series import Evidence
from records.results import CellError, CellResult, Floor, MetricInfo, Point, Row

#: side/metric -> direction; the full name has n.
DIRECTIONS = {
    "generator/frechet": "down",
    "captioner/accuracy": "up",
    "captioner/variance": "none",
    "set/frechet": "down",
    "set/bleu4": "up",
}


class Cells:
    """A plan and its results; `add` makes one row out of curves."""

    def __init__(self, folder: Path = Path()) -> None:
        self.rows: list[BoardRow] = []
        self.results: dict[str, CellResult] = {}
        self.folder = folder

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.rows, self.results, self.folder)

    def add(
        self,
        row: str,
        curves: Mapping[str, np.ndarray],
        *,
        n: int = 512,
        evaluate: int = 512,
        protocol: str = "p",
        device: str = "cpu",
        minimum: float = 0.1,
        first_seed: int = 0,
    ) -> BoardRow:
        """Add a row from {side/metric: (seeds, T + 1)}; the value of a set at iteration 0 is left out."""
        label = Row(*row.split("/"))
        some = next(iter(curves.values()))
        seeds, keys = tuple(first_seed + i for i in range(len(some))), []
        for index, seed in enumerate(seeds):
            points: dict[str, list[Point]] = {"set": [], "model": []}
            for t in range(some.shape[1]):
                values = {f"{m}@n={evaluate}": float(c[index, t]) for m, c in curves.items()}
                models = {m: v for m, v in values.items() if not m.startswith("set/")}
                points["model"].append(Point(t, models))
                if t:
                    points["set"].append(Point(t, {m: v for m, v in values.items() if m.startswith("set/")}))
            cell = CellResult(
                suite="simulated",
                suite_digest="s",
                key=hashlib.sha256(f"{row}{seed}".encode()).hexdigest(),
                seed=seed,
                iterations=some.shape[1] - 1,
                n=n,
                rows=(label,),
                trains=("captioner", "generator"),
                status="complete",
                metrics=tuple(points["model"]),
                sets=tuple(points["set"]),
                floors={f"{m}@n={evaluate}": Floor(0.0, minimum / 2, 20, minimum) for m in curves},
                info={f"{m}@n={evaluate}": MetricInfo(DIRECTIONS[m], False, protocol) for m in curves},
                execution={"device": device, "machine": "x"},
                commit="c0ffee",
            )
            keys.append(cell.key)
            self.results[cell.key] = cell
        self.rows.append(BoardRow(label.scenario, label.variant, label.mitigation, None, seeds, tuple(keys)))
        return self.rows[-1]

    def replace(self, row: BoardRow, seed: int, **changes: object) -> None:
        """Change one cell's fields."""
        import dataclasses

        key = row.keys[row.seeds.index(seed)]
        self.results[key] = dataclasses.replace(self.results[key], **changes)

    def fail(self, row: BoardRow, seed: int) -> None:
        """Let one cell fail."""
        self.replace(row, seed, status="failed", error=CellError("fit", 1, "loss is NaN"))


def line(start: float, step: float, seeds: int = 5, iterations: int = 4, noise: float = 0.05, seed: int = 0):
    """Return (seeds, T + 1): a straight line with noise that differs between seeds and iterations."""
    rng = np.random.default_rng(seed)
    return start + step * np.arange(iterations + 1) + noise * rng.normal(size=(seeds, iterations + 1))

"""Two models are two chances of a false word: what a set does to them is one family of tests."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.measuring import damage
from leaderboard import statistics as st
from leaderboard.board import build
from tests.leaderboard.cells import Cells

METRICS = ("captioner/accuracy", "generator/frechet")
SEEDS = 5


def study(harm: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> list[damage.Damage]:
    """What `compared` says where the set harms each side by so many standard errors."""
    cells, spread = Cells(), np.array([-1.0, 1.0, 0.5, -0.5, 0.0])
    for name in (damage.SET, "real"):
        curves = {}
        for metric in METRICS:
            gap = harm[metric] * spread.std(ddof=1) / np.sqrt(SEEDS) + spread if name == damage.SET else 0 * spread
            end = 2 + gap if metric == "generator/frechet" else 2 - gap
            curves[metric] = np.stack([np.full(SEEDS, 2.0), end], axis=1)
        cells.add(f"joint/x/{name}", curves, minimum=0.01)
    for key, cell in cells.results.items():
        info = {m: type(about)(about.direction, True, about.protocol) for m, about in cell.info.items()}
        cells.results[key] = type(cell)(**{**cell.__dict__, "info": info})
    monkeypatch.setattr(damage, "make_board", lambda plan, results: build(cells.rows, cells.results))
    trains = SimpleNamespace(cell=SimpleNamespace(scenario=SimpleNamespace(trains=("captioner", "generator"))))
    plan = SimpleNamespace(results=lambda runs: runs, file=Path("s.yaml"), cells=dict.fromkeys(cells.results, trains))
    return damage.compared(plan, Path(), "real")  # type: ignore[arg-type]


def test_p_values_are_adjusted_over_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    found = study({"captioner/accuracy": 3.5, "generator/frechet": 0.5}, monkeypatch)
    assert {one.side for one in found} == {"captioner", "generator"}
    p = {one.side: one.p for one in found}
    raw = {side: float(2 * st.scipy.stats.t.sf(t, SEEDS - 1)) for side, t in (("captioner", 3.5), ("generator", 0.5))}
    assert raw["captioner"] < 0.025
    assert p == pytest.approx({"captioner": 2 * raw["captioner"], "generator": raw["generator"]})


def test_one_side_alone_at_the_edge_is_no_longer_called_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    edge = {"captioner/accuracy": 3.0, "generator/frechet": 0.1}  # p = 0.04
    words = {one.side: one.word for one in study(edge, monkeypatch)}
    assert words == {"captioner": "not told", "generator": "not told"}
    words = {one.side: one.word for one in study(dict.fromkeys(METRICS, 3.0), monkeypatch)}
    assert words == {"captioner": "not told", "generator": "not told"}
    words = {one.side: one.word for one in study({**edge, "captioner/accuracy": 6.0}, monkeypatch)}
    assert words == {"captioner": "worse", "generator": "not told"}

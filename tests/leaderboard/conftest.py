"""Simulated results with known truth: a plan with every kind of row that a board must show or refuse."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reporting import submit as submitting
from benchmarks.reporting.pages import figures
from leaderboard.readings import BoardRow
from records.results import CellError, CellResult, Cost, Floor, MetricInfo, Point, Row
from tests.engine.conftest import write_suite
from tests.leaderboard.entry_study import METHODS, simulate, submit, table

FRECHET = "generator/frechet@clip,n=512"
ACCURACY = "captioner/accuracy@n=512"
CLIPSCORE, RECALL = "generator/clipscore@n=512", "generator/recall@k=3,n=512"
BOTH = ("captioner", "generator")


class World:
    """Builds cells whose worsening per iteration is ``rate`` times that of `none`."""

    def __init__(self, seeds=(0, 1, 2, 3, 4), iterations=4, noise=0.1):
        self.seeds, self.iterations, self.noise = tuple(seeds), iterations, noise
        self.rows: list[BoardRow] = []
        self.results: dict[str, CellResult] = {}

    def add(self, scenario, variant, mitigation, rate, *, parent=None, applies_to=(), trains=BOTH, **kwargs):
        seeds = kwargs.pop("seeds", self.seeds)
        label = Row(scenario, variant, mitigation, parent)
        cells = [self.cell(label, seed, rate, trains, **kwargs) for seed in seeds]
        keys = tuple(cell.key for cell in cells)
        self.rows.append(BoardRow(scenario, variant, mitigation, parent, tuple(seeds), keys, applies_to))
        self.results.update({cell.key: cell for cell in cells})
        return self.rows[-1]

    def cell(self, label, seed, rate, trains, *, n=1024, iterations=None, protocol="p", device="cpu", forget=0.0):
        iterations = self.iterations if iterations is None else iterations
        key = hashlib.sha256(f"{label}{seed}".encode()).hexdigest()
        rng = np.random.default_rng([seed, len(label.mitigation), len(label.variant)])
        shared = np.random.default_rng(seed).normal(0, 0.3)  # the seed's own effect: what pairing removes
        points = []
        for t in range(iterations + 1):
            wear = t * (rate + (shared * 0.2 + rng.normal(0, self.noise)) * rate)
            values = {
                FRECHET: 2 + 2 * wear,
                ACCURACY: 0.9 - 0.05 * wear,
                CLIPSCORE: 0.6 + 0.01 * t * (1 if forget else -1) + 1e-4 * rng.normal(),
                RECALL: 0.8 - 0.05 * wear - forget * t,
            }
            points.append(Point(t, {m: float(v) for m, v in values.items() if m.split("/")[0] in trains}))
        info = {
            FRECHET: MetricInfo("down", True, protocol),
            ACCURACY: MetricInfo("up", True, protocol),
            CLIPSCORE: MetricInfo("up", False, protocol),
            RECALL: MetricInfo("up", False, protocol),
        }
        return CellResult(
            suite="simulated",
            suite_digest="s" * 64,
            key=key,
            seed=seed,
            iterations=iterations,
            n=n,
            rows=(label,),
            trains=tuple(trains),
            status="complete",
            metrics=tuple(points),
            sets=tuple(Point(t, {"set/bleu4@n=512": 0.7 - 0.01 * t}) for t in range(1, iterations + 1)),
            floors={FRECHET: Floor(0.37, 0.02, 20, 0.04), ACCURACY: Floor(0.97, 0.005, 20, 0.01)},
            info=info,
            cost=Cost(12_345_678, 0, n * iterations, 120 * iterations, 61.5, 70.0),
            execution={"device": device, "machine": "x86_64"},
        )

    def change(self, row: BoardRow, seed: int, **changes):
        key = row.keys[row.seeds.index(seed)]
        self.results[key] = dataclasses.replace(self.results[key], **changes)

    def remove(self, row: BoardRow, seed: int):
        del self.results[row.keys[row.seeds.index(seed)]]


@pytest.fixture
def world():
    return World


@pytest.fixture
def zoo() -> World:
    """A plan with everything: scored, tied, side effect, missing, failed, NaN, other protocol, parents."""
    w = World()
    joint = ("joint", "real_prompts")
    w.add(*joint, "none", 1.0)
    w.add(*joint, "real", 0.05)
    w.add(*joint, "accumulate", 0.4)
    w.add(*joint, "accumulate_subsample", 0.42)
    w.add(*joint, "placebo", 1.0)
    w.add(*joint, "guidance", 0.7, applies_to=("generator",))
    w.add(*joint, "verifier", 0.6, forget=0.05)
    w.remove(w.add(*joint, "missing_seed", 0.5), 3)
    failed = w.add(*joint, "failing", 0.5)
    w.change(failed, 2, status="failed", error=CellError("fit", 3, "loss is NaN | stopped"))
    poisoned = w.add(*joint, "not_a_number", 0.5)
    points = w.results[poisoned.keys[1]].metrics
    bad = Point(4, {**points[4].values, FRECHET: float("nan")})
    w.change(poisoned, 1, metrics=(*points[:4], bad))
    w.add(*joint, "other_protocol", 0.5, protocol="q")
    w.add("relabel", "real_prompts", "none", 0.3, parent="joint", protocol="child")
    w.add("relabel_short", "real_prompts", "none", 0.3, parent="joint", iterations=2)
    w.add("relabel_orphan", "real_prompts", "none", 0.3, parent="gone")
    stable = ("captioner_only", "greedy")
    for name, rate in (("none", 0.001), ("real", 0.001), ("accumulate", 0.001)):
        w.add(*stable, name, rate, trains=("captioner",))
    harsh = ("generator_only", "guided")
    for name, rate in (("none", 1.0), ("real", 0.6), ("accumulate", 0.7)):
        w.add(*harsh, name, rate, trains=("generator",))
    return w


@pytest.fixture(scope="module")
def no_pictures():
    """Drawing takes longer than all the rest, and is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "write_pictures", lambda board, folder: None)
        patch.setattr(submitting, "_version", lambda: "9.8.7")
        yield


@pytest.fixture(scope="module")
def study(no_pictures: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plan of a real suite, result files of its cells with simulated numbers, their entries and the board."""
    home = tmp_path_factory.mktemp("study")
    scenarios = [{"file": "single_model_generator"}, {"file": "single_model_captioner"}]
    write_suite(home, scenarios=scenarios, seeds=[0, 1, 2, 3, 4], iterations=4, mitigations=list(METHODS))
    simulate(home)
    for method in METHODS:
        assert submit(home, method) == 0
    assert table(home) == 0
    return home


@pytest.fixture
def mine(study: Path, tmp_path: Path) -> Path:
    """A copy of the study that a test may spoil."""
    return Path(shutil.copytree(study, tmp_path / "mine"))

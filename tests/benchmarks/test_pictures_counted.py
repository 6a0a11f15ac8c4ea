"""How many pictures each kind of step encodes and decodes, to the last one: what nobody reads, nobody decodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.planning.planner import make_plan
from benchmarks.running.study import run_study
from benchmarks.speed.memory import counts, written

N = 12


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int, int]]:
    """Run one iteration of a joint loop under `none`, `real` and `accumulate`: kind -> steps, encoded, decoded."""
    folder = tmp_path_factory.mktemp("counted")
    plan = make_plan(str(written(folder, N, 32, 16, 1, "accumulate")))
    outcome = run_study(plan, folder / "runs", workers=0, mirror=False)
    assert not outcome.failed
    found = counts(plan, folder / "runs" / "store")
    return {kind: (work["steps"], work["encoded"], work["decoded"]) for kind, work in found.items()}


def test_every_step_is_counted(counted: dict[str, tuple[int, int, int]]) -> None:
    models = 4  # the base and one of each method
    families = ("CaptionDiversity", "CaptionVariety", "CaptionerAlignment", "ImageDiversity", "ImageMemorisation",
                "GeneratorAlignment")  # fmt: skip
    assert counted == {
        "base": (3, 0, 0),
        "reference": (3, 0, 0),
        "real": (1, N, 0),
        "images": (4, N, 0),
        "captions": (4, 0, N),
        "curate": (3, 0, 0),
        "fit captioner": (3, 0, 4 * N),
        "fit generator": (3, 0, 4 * N),
        "sample captioner": (models, 0, 0),
        "sample generator": (2 * models, models * (N + 8), 0),
        "features captioner": (models, 0, 0),
        "features generator": (models, 0, models * (N + 8)),
        "features set": (3, 0, 3 * N),
        **{f"metrics {family}": (models, 0, 0) for family in families},
        "metrics SyntheticSet": (3, 0, 0),
        **{f"floor {family}": (1, 0, 0) for family in families},
    }


def test_what_is_dropped_early_changes_no_number(tmp_path: Path) -> None:
    """Pools and samples go as soon as they are read, while others hold on to their pictures."""
    found = []
    for kept in ("true", "false"):
        retain = [f"--retain.{what}={kept}" for what in ("pools", "models", "samples")]
        plan = make_plan(str(written(tmp_path, N, 32, 16, 2, "accumulate")), retain)
        outcome = run_study(plan, tmp_path / kept, workers=0, mirror=False)
        assert not outcome.failed
        found.append({key: (result.metrics, result.sets) for key, result in outcome.results.items()})
        left = [*(tmp_path / kept / "store").rglob("pairs.parquet"), *(tmp_path / kept / "store").rglob("*.pq")]
        assert bool(left) == (kept == "true")
        assert [file.name for file in (tmp_path / kept / "memory" / "pictures").rglob("*.png")].count("grid.png") == 3
        assert list((tmp_path / kept / "store" / "tmp").iterdir()) == []
    assert found[0] == found[1]

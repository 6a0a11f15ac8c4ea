"""The claims on one screen: what is missing is worth a number of seeds, and committed entries do where nothing ran."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmarks.commands.main import main
from leaderboard.claims.finding import Part, mean_part
from leaderboard.claims.screen import MOST_SEEDS, seeds_needed
from leaderboard.power import detectable_effect


def part(mean: float, sd: float, n: int = 5, margin: float | None = None) -> Part:
    values = np.array([-1.0, 1.0] * (n // 2) + [0.0] * (n % 2))
    values = mean + sd * values / values.std(ddof=1)
    made = mean_part("it", values, 1)
    return made if margin is None else made.beside(margin, 1.0)


@pytest.mark.parametrize("seeds", [6, 9, 20, 55])
def test_as_many_seeds_as_would_see_the_effect(seeds: int) -> None:
    found = seeds_needed(part(detectable_effect(seeds) * 1.0001, 1.0))
    assert found == seeds
    values = np.random.default_rng(seeds).normal(detectable_effect(seeds), 1.0, (4000, seeds))
    seen = np.mean(stats.ttest_1samp(values, 0.0, axis=1).pvalue < 0.05)
    assert seen == pytest.approx(0.8, abs=0.02)


def test_an_effect_near_zero_is_shown_to_be_small() -> None:
    assert seeds_needed(part(0.001, 1.0)) == MOST_SEEDS + 1
    assert seeds_needed(part(0.001, 1.0, margin=detectable_effect(12) + 0.01)) == 12
    assert seeds_needed(part(0.0, 0.0, margin=1.0)) is None, "no spread to go by"
    assert seeds_needed(part(0.3, 1.0, n=1)) is None


def test_committed_entries_do_where_nothing_ran_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["claims", "scenes_ten", "--runs", str(tmp_path)]
    assert main(given) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("scenes_ten: 3 claims, ")
    assert lines[0].endswith("committed entries")
    committed = Path(__file__).parents[2] / "leaderboard" / "boards" / "scenes_ten.claims.json"
    here = json.loads((tmp_path / "scenes_ten" / "claims.json").read_text())
    assert here == json.loads(committed.read_text())
    assert main([*given, "--seeds", "[0]"]) == 0, "another study has no entries"
    assert "undecided" in capsys.readouterr().out.splitlines()[0]

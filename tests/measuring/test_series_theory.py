"""Series of sets that models with a known collapse made: the lines have the trend of the closed forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.measuring.attributes import attribute_lines
from benchmarks.measuring.looking import Looked
from benchmarks.measuring.measure import measure
from benchmarks.measuring.pictures import Looks
from datamodules.layouts import open_set
from tests.analytic import theory
from tests.analytic.agreement import assert_mean
from tests.analytic.loops import make, run

pytestmark = pytest.mark.theory
N, T = 50, 12
LEVEL, SCALE = 128.0, 24.0  # lightness of a picture of value 0, and of a step of 1


def grey(values: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Return scalar images as numbered grey pictures (4, 4, 3)."""
    levels = np.clip(np.round(LEVEL + SCALE * values), 0, 255).astype(np.uint8)
    return [(i, np.full((4, 4, 3), level, np.uint8)) for i, level in enumerate(levels)]


def pools(seed: int, generator: bool) -> list[np.ndarray]:
    """Return what each iteration drew, (T, N): values of a Gaussian refitted to its own draws, or captions."""
    data, drawer, writer = make(classes=1 if generator else 9)
    turns = run(data, drawer if generator else None, None if generator else writer, N, T, seed)
    return [np.asarray(pool.images if generator else pool.captions) for pool, _, _ in turns]


def test_pictures_of_a_gaussian_refitted_to_its_own_draws_lose_the_variance_that_theory_says() -> None:
    found = {}
    for seed in range(30):
        looks = [Looks(grey(values)) for values in pools(seed, generator=True)]
        found[seed] = np.array([one.variety(np.arange(N)) ** 2 for one in looks]) / SCALE**2
    rounding = 1 / 12 / SCALE**2
    assert_mean(found, theory.refit_variance(N, np.arange(T)) + rounding)


def test_captions_of_a_captioner_that_does_not_look_lose_values_as_genes_do() -> None:
    attributes = {"class": {f"c{k}": [f"c{k}"] for k in range(9)}}
    shares = make(classes=9)[2].shares
    found = {}
    for seed in range(25):
        curve = []
        for captions in pools(seed, generator=False):
            lines = attribute_lines(attributes, Looked(N, dict(enumerate(captions.tolist())), None, {}), None)
            curve.append(1 - sum(float(line.value or 0) ** 2 for line in lines))
        found[seed] = np.array(curve)
    assert_mean(found, theory.drift_heterozygosity(N, np.arange(1, T + 1), shares))


def test_the_command_reads_the_variance_that_was_drawn(tmp_path: Path) -> None:
    for t, values in enumerate(pools(0, generator=True)[::5]):
        folder = tmp_path / f"gen-{t}"
        folder.mkdir()
        for i, pixels in grey(values):
            Image.fromarray(pixels).save(folder / f"{i}.png")
        lines = {line.name: line for line in measure(open_set(folder)).lines}
        assert lines["layout"].value == pytest.approx(SCALE * np.std(values, ddof=1), rel=0.02)
        assert lines["colour"].value == pytest.approx(0.0, abs=1e-9)

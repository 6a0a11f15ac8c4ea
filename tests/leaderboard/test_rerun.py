"""A cell run again on another kind of host: the noise of a seed is no reason to refuse, another base is one."""

from __future__ import annotations

import dataclasses
import itertools

from leaderboard.entries import FOLDER, EntryCell, EntryRow, read_entry
from leaderboard.verify import compare_rerun
from records.names import MetricName
from records.results import CellResult, Point
from tests.benchmarks.test_results import example


def test_a_seed_elsewhere_is_a_seed_and_a_base_elsewhere_is_the_base() -> None:
    """Another seed's curves stand for a run on another host: it agrees, but for what was not trained yet."""
    refused = tried = 0
    for file in sorted((FOLDER / "board").glob("*.json")):
        entry = read_entry(file)
        for row in entry.rows:
            for cell, other in itertools.permutations(row.cells, 2):
                rest = dataclasses.replace(row, cells=tuple(one for one in row.cells if one is not other))
                made = given(row, other)
                refused += bool(compare_rerun(rest, cell, entry.versions, made).problems)
                tried += 1
            moved = dict(cell.curves) | {m: (c[0] + 0.1 * abs(c[0]), *c[1:]) for m, c in cell.curves.items()}
            found = compare_rerun(row, dataclasses.replace(cell, curves=moved), entry.versions, given(row, cell))
            assert any(" at 0: " in problem for problem in found.problems)
            rounded = dict(cell.curves) | {m: (c[0] * (1 + 1e-6), *c[1:]) for m, c in cell.curves.items()}
            found = compare_rerun(row, dataclasses.replace(cell, curves=rounded), entry.versions, given(row, cell))
            assert found.problems == [], "another processor rounds otherwise, before any training too"
    assert tried >= 200
    print(f"{refused} of {tried} refused")
    assert refused <= 0.1 * tried


def given(row: EntryRow, cell: EntryCell) -> CellResult:
    """Return a result on another kind of host, with the numbers of a cell."""
    values: dict[int, dict[str, float | None]] = {t: {} for t in range(row.iterations + 1)}
    for metric, curve in cell.curves.items():
        for t, value in enumerate(curve):
            values[t][metric] = value
    for metric, (start, end) in cell.ends.items():
        values[MetricName.parse(metric).first][metric] = start
        values[row.iterations][metric] = end
    points = tuple(Point(t, numbers) for t, numbers in values.items())
    return example(iterations=row.iterations, metrics=points, execution={"device": "NVIDIA H200"})

"""Metrics that a family declares with `*`, one an attribute: an entry keeps them as result files do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.commands.entries import check_entry
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.planning.protocols import infos_with, metric_infos
from benchmarks.reporting.boards import make_board
from benchmarks.reporting.submit import make_entry
from leaderboard import frozen
from leaderboard.committed import entry_board
from leaderboard.entries import Entry, read_entry
from leaderboard.sentences import headline
from records.names import MetricName
from records.results import CellResult, Floor, MetricInfo, Point, Row

CHAIN, FITS = "scenes_frozen_loop", "scenes_ten"
ATTRIBUTES = ("colour", "size")
LEFT, UNRELATED, DRIFT = "attribute_left_", "attribute_unrelated_", "attribute_drift_"


def found(plan: Plan, planned, protocol: str) -> dict[str, MetricInfo]:
    """What the cells of a suite hold once its data have said which attributes there are."""
    starred = [(family.class_path, name.removesuffix("*") + attribute)
               for family in plan.world.families for name in family.declares if name.endswith("*")
               for attribute in ATTRIBUTES]  # fmt: skip
    return metric_infos(plan, planned, protocol, starred)


def simulate(plan: Plan, folder: Path) -> Path:
    """Write a result file of every cell, with every metric and floor that its families have."""
    for row in plan.rows:
        for seed, key in zip(row.seeds, row.keys, strict=True):
            planned = plan.cells[key]
            info = found(plan, planned, row.protocol)
            cell = result(plan, planned, row, seed, info)
            cell.write(folder / cell.file_name)
    return folder


def result(plan: Plan, planned, row, seed: int, info: dict[str, MetricInfo]) -> CellResult:
    T = planned.cell.iterations

    def value(metric: str, t: int) -> float:
        return 1 / (2 + 0.1 * t + 0.01 * seed + len(metric))

    sides = {m: MetricName.parse(m).first for m in info}
    return CellResult(
        suite=plan.suite.name, suite_digest=plan.digest, key=planned.key, seed=seed, iterations=T, n=planned.cell.n,
        rows=tuple(Row(r["scenario"], r["variant"], r["mitigation"], r["parent"]) for r in planned.rows),
        trains=tuple(sorted(planned.cell.scenario.trains)), status="complete",
        metrics=tuple(Point(t, {m: value(m, t) for m, first in sides.items() if not first}) for t in range(T + 1)),
        sets=tuple(Point(t, {m: value(m, t) for m, first in sides.items() if first}) for t in range(1, T + 1)),
        floors={m: Floor(0.5, 0.005, 10, 0.01) for m in (*info, "captioner/attribute_drift_unheard_of@n=512")},
        info=info, configuration={"scenario": {"prompts": planned.cell.scenario.prompts}},
        execution={"device": "cpu", "machine": "x86_64", "threads": 1, "processor": "one"},
        versions={"torch": "2.13.0"}, commit="ab" * 20, created="2030-01-01T00:00:00+00:00",
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Plan, Path, Entry]]:
    """Per suite: its plan, its result files, and the entry of `none`."""
    studies = {}
    for suite in (CHAIN, FITS):
        plan = make_plan(suite)
        folder = simulate(plan, tmp_path_factory.mktemp(suite))
        studies[suite] = (plan, folder, make_entry(plan, "none", folder))
    return studies


def test_a_chain_has_the_same_words_from_an_entry_as_from_result_files(made, tmp_path: Path) -> None:
    plan, folder, entry = made[CHAIN]
    files = make_board(plan, folder, tmp_path)  # where no entry is
    text = entry.to_json()
    (tmp_path / "none.json").write_text(text)
    committed = entry_board([read_entry(tmp_path / "none.json")])
    assert [frozen.words(c) for c in frozen.chains(committed)] == [frozen.words(c) for c in frozen.chains(files)]
    assert len(frozen.chains(committed)) == 2
    assert all("Left of each" in " ".join(frozen.words(chain)) for chain in frozen.chains(committed))
    assert headline(committed) == headline(files)


@pytest.mark.parametrize("suite", [CHAIN, FITS])
def test_what_has_a_floor_is_a_metric_of_the_entry(made, suite: str) -> None:
    _, _, entry = made[suite]
    for row in entry.rows:
        assert row.floors
        assert row.floors.keys() <= row.info.keys()
        for cell in row.cells:
            assert cell.curves.keys() | cell.ends.keys() == row.info.keys()


@pytest.mark.parametrize(("suite", "starts"), [(CHAIN, (LEFT, UNRELATED)), (FITS, (DRIFT,))])
def test_each_attribute_is_measured_by_its_family(made, suite: str, starts: tuple[str, ...]) -> None:
    plan, _, entry = made[suite]
    rows = {str(row.name): row for row in entry.rows}
    for planned in (row for row in plan.rows if row.mitigation == "none"):
        row = rows[f"{planned.scenario}/{planned.variant}"]
        wanted = found(plan, plan.cells[planned.keys[0]], planned.protocol)
        assert row.info == wanted
        names = {MetricName.parse(metric).metric for metric in row.info}
        assert {start + attribute for start in starts for attribute in ATTRIBUTES} <= names
    findings = check_entry(entry, plan)
    assert findings.problems == []
    assert not [note for note in findings.notes if "protocol" in note or "not in the entry" in note]


def test_no_other_name_comes_into_an_entry(made) -> None:
    """A result file may hold more than its plan declares: no entry does."""
    plan, _, entry = made[FITS]
    row = next(row for row in plan.rows if row.mitigation == "none")
    planned = plan.cells[row.keys[0]]
    held = ["captioner/attribute_drift@n=512", "captioner/attribute_drift_*@n=7", "generator/attribute_drift_size@n=512",
            "captioner/invented@n=512", "captioner/attribute_drift_@n=512"]  # fmt: skip
    assert infos_with(plan, planned, row.protocol, held) == metric_infos(plan, planned, row.protocol)
    rows = [replace(r, info={**r.info, "captioner/invented@n=512": next(iter(r.info.values()))}) for r in entry.rows]
    notes = check_entry(replace(entry, rows=tuple(rows)), plan).notes
    assert any("of another protocol: captioner/invented@n=512" in note for note in notes)
    for name, about in entry.rows[0].info.items():
        if DRIFT in name:
            other = {**entry.rows[0].info, name: replace(about, protocol="0" * 64)}
            forged = replace(entry, rows=(replace(entry.rows[0], info=other),))
            assert any(name in note for note in check_entry(forged, plan).notes if "another protocol" in note)

"""The gate on simulated runs: what it freezes, compares, refuses, and how it says so."""

from __future__ import annotations

import dataclasses
import json
from xml.etree import ElementTree

import numpy as np
import pytest

from leaderboard import gate_report
from leaderboard.baseline import flattened, freeze, read, write
from leaderboard.fitting import LINES, WIDTH
from leaderboard.gate import check
from records.errors import UsageError
from records.findings import Gate
from records.results import Point
from tests.leaderboard.cells import Cells, line

NONE, METHOD = "loop/x/none", "loop/x/method"
FRECHET, ACCURACY, VARIANCE = "generator/frechet", "captioner/accuracy", "captioner/variance"
GATES = (
    Gate("none", NONE, FRECHET, 0.2, watch="both", spread="f"),
    Gate("method", METHOD, FRECHET, 0.2, spread="f"),
    Gate("accuracy", METHOD, ACCURACY, 0.05, statistic="end"),
)
SETTINGS = {NONE: {"fit.generator.steps": 100}, METHOD: {"fit.generator.steps": 100}}


def run(seed: int = 0, *, first: int = 0, seeds: int = 5, shift: float = 0.0, none: float = 0.0, **more) -> Cells:
    """A run whose method ends ``shift`` worse than it should, `none` by ``none``."""
    cells = Cells()
    for index, (row, extra) in enumerate([(NONE, none), (METHOD, shift)]):
        curves = {
            FRECHET: line(2, 1 - 0.5 * index + extra / 4, seeds, seed=100 * seed + index),
            ACCURACY: line(0.9, -0.1 - extra / 4, seeds, seed=100 * seed + index + 50),
            VARIANCE: line(1, extra / 4, seeds, seed=100 * seed + index + 70),
        }
        cells.add(row, curves, first_seed=first, **more)
    return cells


def frozen(gates=GATES, **more):
    return freeze("simulated", gates, run(**more).evidence, SETTINGS)


def checked(cells: Cells, gates=GATES, settings=SETTINGS, steps: int = 10, baseline=None):
    return check(gates, baseline or frozen(), cells.evidence, settings, steps)


def statuses(report) -> dict[str, str]:
    return {o.trend.gate.name: o.status for o in report.outcomes}


def test_a_baseline_holds_what_was_measured_and_reads_back(tmp_path):
    baseline = frozen()
    trend = baseline.trends[0]
    worsening = run().evidence.series(NONE, FRECHET).worsening()
    assert trend.mean == pytest.approx(worsening.mean())
    assert trend.spread == pytest.approx(worsening.std(ddof=1))
    assert trend.values == pytest.approx(dict(zip("01234", worsening, strict=True)))
    assert (trend.n, trend.iterations, trend.protocol, trend.metric) == (512, 4, "p", f"{FRECHET}@n=512")
    file = tmp_path / "deep" / "simulated.json"
    write(baseline, file)
    assert read(file) == baseline
    text = file.read_text()
    write(read(file), file)
    assert file.read_text() == text


def test_the_same_seeds_are_identical_and_other_seeds_pass():
    same = checked(run())
    assert set(statuses(same).values()) == {"pass"}
    assert all(o.identical and o.shared == 5 and o.change.change == 0 for o in same.outcomes)
    for other in (1, 2, 3):
        report = checked(run(other, first=10 * other))
        assert set(statuses(report).values()) == {"pass"}
        assert all(o.shared == 0 and not o.identical for o in report.outcomes)
    assert "none of the baseline's 5" in gate_report.text(report)


def test_worse_is_a_regression_and_better_is_reported():
    assert statuses(checked(run(1, first=10, shift=1.0))) == {
        "none": "pass", "method": "regression", "accuracy": "regression"
    }  # fmt: skip
    better = checked(run(1, first=10, shift=-1.0))
    assert statuses(better) == {"none": "pass", "method": "improved", "accuracy": "improved"}
    assert not better.bad
    assert "improved: method, accuracy" in gate_report.text(better)


@pytest.mark.parametrize("shift", [1.0, -1.0])
def test_a_control_that_moves_either_way_is_a_regression(shift):
    assert statuses(checked(run(1, first=10, none=shift)))["none"] == "regression"


def test_a_metric_without_a_direction_can_only_be_watched_both_ways():
    with pytest.raises(UsageError, match="watch: both"):
        frozen((Gate("spread", NONE, VARIANCE, 0.1),))
    gates = (Gate("spread", NONE, VARIANCE, 0.1, watch="both"),)
    moved = checked(run(1, first=10, none=-1.0), gates, baseline=frozen(gates))
    assert statuses(moved) == {"spread": "regression"}


def test_what_vanished_fails():
    no_row = run()
    no_row.rows.pop()
    assert statuses(checked(no_row)) == {"none": "pass", "method": "vanished", "accuracy": "vanished"}
    no_metric = run()
    for seed in range(5):
        cell = no_metric.results[no_metric.rows[1].keys[seed]]
        name = f"{ACCURACY}@n=512"
        points = tuple(Point(p.iteration, {m: v for m, v in p.values.items() if m != name}) for p in cell.metrics)
        info = {m: i for m, i in cell.info.items() if m != name}
        no_metric.replace(no_metric.rows[1], seed, metrics=points, info=info)
    report = checked(no_metric)
    assert statuses(report)["accuracy"] == "vanished"
    assert "is not measured" in gate_report.text(report)
    dropped = checked(run(), GATES[:2])
    assert statuses(dropped)["accuracy"] == "vanished", "a gate that the suite no longer declares"
    absent = run()
    absent.replace(absent.rows[1], 1, absent={f"{ACCURACY}@n=512": "no Java"})
    assert "no Java" in gate_report.text(checked(absent))


def test_a_cell_that_failed_or_is_no_number_fails():
    broken = run()
    broken.fail(broken.rows[1], 3)
    report = checked(broken)
    assert statuses(report)["method"] == "failed"
    assert "loss is NaN" in gate_report.text(report)
    poisoned = run()
    cell = poisoned.results[poisoned.rows[0].keys[0]]
    bad = Point(4, {**cell.metrics[4].values, f"{FRECHET}@n=512": float("nan")})
    poisoned.replace(poisoned.rows[0], 0, metrics=(*cell.metrics[:4], bad))
    assert statuses(checked(poisoned))["none"] == "failed"


def test_nothing_computed_or_compared_is_an_error():
    with pytest.raises(UsageError, match="computed no step"):
        checked(run(), steps=0)
    with pytest.raises(UsageError, match="holds no trend"):
        checked(run(), baseline=dataclasses.replace(frozen(), trends=()))
    missing = run()
    del missing.results[missing.rows[0].keys[0]]
    with pytest.raises(UsageError, match="4 of 5 seeds are complete; run the suite"):
        checked(missing)
    with pytest.raises(UsageError, match="found one seed"):
        checked(run(seeds=1))
    with pytest.raises(UsageError, match="one seed"):
        frozen(seeds=1)


def test_another_protocol_says_what_differs():
    now = {row: {**setting, "fit.generator.steps": 50} for row, setting in SETTINGS.items()}
    with pytest.raises(UsageError, match=r"other protocol.*fit\.generator\.steps: 100 then, 50 now"):
        checked(run(protocol="q"), settings=now)
    with pytest.raises(UsageError, match="n: 512 then, 256 now"):
        checked(run(protocol="q", n=256))
    with pytest.raises(UsageError, match=r"metric: .*n=512 then, .*n=128 now"):
        checked(run(protocol="q", evaluate=128))
    with pytest.raises(UsageError, match="nothing that the baseline records"):
        checked(run(protocol="q"))


def test_a_changed_gate_needs_a_new_baseline():
    for changes, message in (
        ({"metric": ACCURACY}, "metric: found"),
        ({"row": NONE}, "row: found"),
        ({"statistic": "slope"}, "statistic: found 'slope', the baseline has 'worsening'"),
    ):
        with pytest.raises(UsageError, match=message):
            checked(run(), (GATES[0], dataclasses.replace(GATES[1], **changes), GATES[2]))
    with pytest.raises(UsageError, match="gate 'new' has no baseline"):
        checked(run(), (*GATES, dataclasses.replace(GATES[0], name="new")))
    tolerant = (GATES[0], dataclasses.replace(GATES[1], relevant=5.0), GATES[2])
    assert statuses(checked(run(1, first=10, shift=1.0), tolerant))["method"] == "pass", "sizes are the suite's to set"


def test_unequal_spreads_are_not_pooled():
    cells = run(seeds=12)
    wide = line(2, 0.5, 12, seed=9, noise=3.0)
    cells.rows.pop()
    cells.add(METHOD, {FRECHET: wide, ACCURACY: wide})
    with pytest.raises(UsageError, match="allowed: gates whose seeds spread alike"):
        freeze("simulated", GATES, cells.evidence, SETTINGS)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}', '{"schema": 2, "suite": "s"}'])
def test_a_broken_baseline_is_one_sentence(text, tmp_path):
    file = tmp_path / "b.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"b\.json: no readable baseline"):
        read(file)
    with pytest.raises(UsageError, match="make baseline"):
        read(tmp_path / "absent.json")


def test_reports_for_machines():
    report = checked(run(1, first=10, shift=1.0))
    found = json.loads(gate_report.json_text(report))
    assert found["passed"] is False
    assert found["steps_computed"] == 10
    assert [g["status"] for g in found["gates"]] == ["pass", "regression", "regression"]
    assert all(0.3 < g["power_three_spreads"] < 1 for g in found["gates"])
    root = ElementTree.fromstring(gate_report.junit(report))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "2", "0")
    assert [c.get("name") for c in root.iter("testcase")] == ["none", "method", "accuracy"]
    assert root.find(".//failure").get("type") == "regression"
    lines = gate_report.github(report).splitlines()
    assert sum(x.startswith("::error title=simulated%3A ") for x in lines) == 2
    assert lines[-1].endswith("FAILED: method (regression), accuracy (regression)")
    error = ElementTree.fromstring(gate_report.junit_error("s", "bad\x00 <news>"))
    assert error.find(".//error").get("message") == "bad? <news>"
    assert gate_report.annotation("error", "a:b", "100 %\nnext") == "::error title=a%3Ab::100 %25%0Anext"


def test_the_text_says_steps_power_and_seeds():
    text = gate_report.text(checked(run(1, first=10), steps=77))
    lines, words = text.splitlines(), " ".join(text.split())
    assert lines[0] == "passed"
    assert "77 steps computed, 3 trends compared" in words
    assert "false alarms of all gates together at most 1%" in words
    assert "three seed spreads is seen with a chance of at least" in words
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH


def test_settings_are_flat():
    nested = {"fit": {"generator": {"steps": 5, "lora": None}}, "trains": ["a", "b"]}
    assert flattened(nested) == {"fit.generator.steps": 5, "fit.generator.lora": None, "trains": "a, b"}
    assert np.isfinite(list(frozen().trends[0].values.values())).all()

"""Entries from result files to the committed board, and everything that a stranger's entry may try."""

from __future__ import annotations

import copy
import csv
import dataclasses
import io
import json
import os
import platform
import re
import shutil
from pathlib import Path

import pytest

from benchmarks import cli
from benchmarks import submit as submitting
from benchmarks.assemble import _versions
from benchmarks.plan import make_plan
from benchmarks.protocols import metric_infos
from benchmarks.results import CellError, CellResult, Cost, Floor, Point, Row, read_result
from leaderboard import curves, forest
from leaderboard import entries as en
from leaderboard.committed import entry_board
from leaderboard.entries import EntryError, read_entries, read_entry
from leaderboard.verify import compare_rerun
from tests.engine.conftest import run_in_memory, write_suite

GOLDEN = Path(__file__).parent / "golden"
METHODS = ("none", "real", "accumulate", "fresh_real")
ROW = "single_model_generator/default"


@pytest.fixture(scope="module", autouse=True)
def no_pictures():
    """Drawing takes longer than all the rest, and is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curves, "write_png", lambda board, path: path)
        patch.setattr(forest, "write_png", lambda board, path: path)
        patch.setattr(submitting, "_version", lambda: "9.8.7")
        yield


RATES = {"none": 1.0, "real": 0.05, "accumulate": 0.4, "fresh_real": 0.3}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plan of a real suite, result files of its cells with simulated numbers, their entries and the board."""
    home = tmp_path_factory.mktemp("study")
    scenarios = [{"file": "single_model_generator"}, {"file": "single_model_captioner"}]
    write_suite(home, scenarios=scenarios, seeds=[0, 1, 2, 3, 4], iterations=4, mitigations=list(METHODS))
    simulate(home)
    for method in METHODS:
        assert submit(home, method) == 0
    assert table(home) == 0
    return home


def simulate(home: Path) -> None:
    plan = make_plan(str(home / "small.yaml"))
    for row in plan.rows:
        for seed, key in zip(row.seeds, row.keys, strict=True):
            planned = plan.cells[key]
            result = simulated(plan, planned, metric_infos(plan, planned, row.protocol), row, seed)
            result.write(home / "runs" / "small" / "results" / result.file_name)


def simulated(plan, planned, info, row, seed: int) -> CellResult:
    """A cell that worsens in a straight line, faster for some seeds; sets are measured from iteration 1 on."""
    pace = RATES[row.mitigation] * (1 + 0.05 * seed) + 0.02 * ((7 * seed + len(row.mitigation)) % 5)

    def value(metric: str, t: int) -> float:
        return 0.5 + (0.05 if info[metric].direction == "down" else -0.05) * t * pace

    points = [
        (t, {m: value(m, t) for m in info if m.startswith("set/") == bool(pool)}) for pool in (0, 1) for t in range(5)
    ]
    return CellResult(
        suite="small", suite_digest=plan.digest, key=planned.key, seed=seed, iterations=4, n=16,
        rows=tuple(Row(r["scenario"], r["variant"], r["mitigation"], r["parent"]) for r in planned.rows),
        trains=tuple(planned.cell.scenario.trains), status="complete",
        metrics=tuple(Point(t, values) for t, values in points[:5]),
        sets=tuple(Point(t, values) for t, values in points[6:]),
        floors={m: Floor(0.5, 0.005, 10, 0.01) for m in info if not m.startswith("set/")}, info=info,
        cost=Cost(1000 * len(row.mitigation), 0, 64, 4, 1.5, 2.0),
        execution={"device": "cpu", "machine": "x86_64", "threads": 1}, versions={"torch": "2.13.0+cpu"},
        commit="ab" * 20, created="2030-01-01T00:00:00+00:00",
    )  # fmt: skip


def submit(home: Path, method: str, *arguments: str) -> int:
    where = ["--runs", str(home / "runs"), "--entries", str(home / "entries")]
    return cli.main(["submit", str(home / "small.yaml"), "--method", method, *where, *arguments])


def table(home: Path, *arguments: str) -> int:
    where = ["--runs", str(home / "runs"), "--entries", str(home / "entries"), "--boards", str(home / "boards")]
    return cli.main(["table", str(home / "small.yaml"), *where, *arguments])


def verify(home: Path, path: Path, *arguments: str) -> int:
    return cli.main(["verify", str(path), "--suite", str(home / "small.yaml"), *arguments])


@pytest.fixture
def mine(study: Path, tmp_path: Path) -> Path:
    """A copy of the study that a test may spoil."""
    return Path(shutil.copytree(study, tmp_path / "mine"))


def edit(home: Path, change, method: str = "accumulate") -> Path:
    """Change the JSON of an entry, as a stranger would."""
    path = home / "entries" / "small" / f"{method}.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("ending", ["md", "csv", "json", "tex"])
def test_golden_from_results_to_board(study: Path, ending: str) -> None:
    """The whole way: plan, result files, entries, board. Regenerate on purpose with UPDATE_GOLDEN=1."""
    text = (study / "boards" / f"small.{ending}").read_text(encoding="utf-8")
    made = re.sub(r"\b[0-9a-f]{64}\b", "PROTOCOL", text)  # a metric's new version must not change this file
    golden = GOLDEN / f"entries.{ending}"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(made, encoding="utf-8")
    assert made == golden.read_text(encoding="utf-8")


def test_board_of_entries_needs_nothing_else(mine: Path) -> None:
    before = {path.name: path.read_bytes() for path in (mine / "boards").iterdir()}
    shutil.rmtree(mine / "runs")
    shutil.rmtree(mine / "boards")
    assert table(mine) == 0
    assert {path.name: path.read_bytes() for path in (mine / "boards").iterdir()} == before
    assert set(before) == {"small.md", "small.csv", "small.json", "small.tex"}


@pytest.mark.parametrize("method", METHODS)
def test_what_was_submitted_is_accepted(study: Path, method: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = study / "entries" / "small" / f"{method}.json"
    assert verify(study, path) == 0
    assert f"ok: {method} on small: 2 rows, seeds 0,1,2,3,4" in capsys.readouterr().out
    entry = read_entry(path)
    assert entry.to_json() == path.read_text()
    assert entry.command == "make bench SUITE=small"
    assert path.stat().st_size < 100_000


def test_an_entry_keeps_the_numbers_of_its_result_files(study: Path) -> None:
    entry = read_entry(study / "entries" / "small" / "none.json")
    results = {p.stem: read_result(p) for p in (study / "runs" / "small" / "results").glob("*.json")}
    checked = 0
    for row in entry.rows:
        for cell in row.cells:
            result = results[cell.key[:16]]
            for metric, values in cell.curves.items():
                assert [result.value(metric, t) for t in range(5)] == list(values)
                checked += 1
            assert row.primary[0] in cell.curves
            assert cell.cost == result.cost
    assert checked >= 10


def row_of(document, name=ROW):
    return next(row for row in document["rows"] if f"{row['scenario']}/{row['variant']}" == name)


def headline(document):
    return next(metric for metric, about in row_of(document)["info"].items() if about["primary"])


def remove_row(document):
    document["rows"].remove(row_of(document))


def hide_row(document):
    remove_row(document)
    document["not_applicable"].append(ROW)


def remove_seed(document):
    row_of(document)["cells"].pop(3)


def forget_seed(document):
    row_of(document)["cells"].pop(3)
    row_of(document)["seeds"].remove(3)


def smaller_n(document):
    row_of(document)["n"] = 8


def foreign_protocol(document):
    row_of(document)["info"][headline(document)]["protocol"] = "c" * 64


def turn_round(document):
    row_of(document)["info"][headline(document)]["direction"] = "down"


def other_class(document):
    document["class_path"] = "keep_half.KeepHalf"


def no_curve(document):
    del row_of(document)["cells"][1]["curves"][headline(document)]


LABELLED = [
    (remove_row, "the row is missing, and not among not_applicable", "incomplete 0/5"),
    (hide_row, "said to be not applicable, but the method has a row there", None),
    (remove_seed, "seed 3 missing", "incomplete 4/5"),
    (forget_seed, "seeds 0,1,2,4, the suite says 0,1,2,3,4", "not comparable: seeds 0,1,2,4, none 0,1,2,3,4"),
    (smaller_n, "n 8, the suite says 16", "not comparable: N 8, none 16"),
    (foreign_protocol, "other protocol, cccccccccccc instead of", "not comparable: other protocol"),
    (turn_round, "direction or headline is not the suite's", ""),
    (other_class, "class_path: keep_half.KeepHalf; the suite's accumulate is benchmarks.mitigations", ""),
    (no_curve, "has no curve for seed 1", "not measured"),
]


@pytest.mark.parametrize(("change", "problem", "label"), LABELLED, ids=lambda value: getattr(value, "__name__", None))
def test_what_can_be_read_and_not_accepted(mine: Path, change, problem, label, capsys) -> None:
    """`verify` says what is wrong; on the board the row has a label where its number would be, and no rank."""
    path = edit(mine, change)
    capsys.readouterr()
    assert verify(mine, path) == 1
    assert problem in capsys.readouterr().err
    assert table(mine) == 0
    rows = csv.DictReader(io.StringIO((mine / "boards" / "small.csv").read_text()))
    found = [r for r in rows if r["mitigation"] == "accumulate" and r["scenario"] == "single_model_generator"]
    if label is None:
        assert found == []
    elif label:
        assert found[0]["label"] == label
        assert found[0]["prevented"] == found[0]["rank_low"] == found[0]["p_holm"] == ""
        overview = next(
            table
            for table in json.loads((mine / "boards" / "small.json").read_text())["overall"]
            if table["modality"] == "generator"
        )
        line = next(x for x in overview["lines"] if x["mitigation"] == "accumulate")
        assert (line["prevented"], line["scenarios"]) == (None, "0/1"), "nothing averages over a missing cell"


def set_name(text):
    def change(document):
        document["method"] = text

    return change


def put(value, *path):
    def change(document):
        place = document
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value

    return change


UNREADABLE = [
    (set_name("<b>best</b>"), "suite and method: found '<b>best</b>'"),
    (set_name("a|b"), "suite and method: found 'a|b'"),
    (set_name("=HYPERLINK(1)"), "suite and method: found '=HYPERLINK(1)'"),
    (set_name("../../etc"), "suite and method"),
    (set_name("a\u202eb"), "suite and method: found 'a?b'"),
    (put("x`<img src=x>", "command"), "command: found"),
    (put("make bench SUITE=small; rm", "command"), "command: found"),
    (put(["<script>"], "commits"), "commits: found"),
    (put("$(id)", "rows", 0, "variant"), "rows:"),
    (put({"captioner/<i>": "x"}, "rows", 0, "cells", 0, "absent"), "is not in info"),
    (put(1, "colour"), "colour is not a known field"),
    (put(99, "schema"), "schema 99 is newer"),
    (put("5", "rows", 0, "n"), "rows[0].n is '5', expected int"),
    (put([0, 0, 1, 2, 3], "rows", 0, "seeds"), "something stands twice"),
    (put([1, 2, 3], "rows", 0, "seeds"), "seed 0 is not among the seeds"),
    (put(-5, "rows", 0, "cells", 0, "cost", "real_samples"), "a cost below 0"),
    (put(["sound"], "applies_to"), "applies_to: found sound"),
    (put([ROW, ROW], "not_applicable"), "something stands twice"),
]


@pytest.mark.parametrize(("change", "words"), UNREADABLE)
def test_what_is_refused_at_reading(mine: Path, change, words: str, capsys) -> None:
    """One sentence that names the file, nothing of the stranger's text unescaped, and no board is written."""
    before = (mine / "boards" / "small.md").read_bytes()
    path = edit(mine, change)
    capsys.readouterr()
    for command in (lambda: verify(mine, path), lambda: table(mine)):
        assert command() == 2
        error = capsys.readouterr().err
        assert words in error
        assert "accumulate.json" in error
        assert error.isascii()
        assert error.count("\n") == 1
    assert (mine / "boards" / "small.md").read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"n": 16', '"n": 16, "n": 17', "a field stands twice"),
        ('"n": 16', '"n": NaN', "it holds NaN"),
        ('"device_seconds": 1.5', '"device_seconds": 1e999', "only finite numbers"),
        ('"n": 16', '"n": ' + "9" * 5000, "digits"),
        ('"init_args": {}', '"init_args": ' + '{"a":' * 50_000, "nested too deeply"),
        ("{", "", "not valid JSON"),
    ],
)
def test_broken_text_is_refused(mine: Path, old: str, new: str, words: str) -> None:
    path = mine / "entries" / "small" / "accumulate.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(EntryError, match=words):
        read_entry(path)


def test_not_a_number_in_a_curve_is_refused(mine: Path) -> None:
    path = edit(mine, lambda d: row_of(d)["cells"][1]["curves"][headline(d)].__setitem__(4, float("nan")))
    assert "NaN" in path.read_text()
    with pytest.raises(EntryError, match="holds NaN"):
        read_entry(path)


def test_size_place_and_curve_length(mine: Path) -> None:
    path = edit(mine, lambda d: row_of(d)["cells"][1]["curves"][headline(d)].append(0.5))
    with pytest.raises(EntryError, match="has 6 values, expected 5"):
        read_entry(path)
    edit(mine, lambda d: row_of(d)["cells"][1]["curves"][headline(d)].pop())
    other = path.rename(path.with_name("best.json"))
    with pytest.raises(EntryError, match=r"should be called accumulate\.json"):
        read_entry(other)
    other.write_text(" " * (en.MOST_BYTES + 1))
    with pytest.raises(EntryError, match="allowed: at most"):
        read_entry(other)
    shutil.move(mine / "entries" / "small", mine / "entries" / "large")
    (mine / "entries" / "large" / "best.json").unlink()
    with pytest.raises(EntryError, match="is of suite small"):
        read_entries("large", mine / "entries")


def test_older_entries_are_migrated(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = mine / "entries" / "small" / "none.json"
    now = read_entry(path)
    edit(mine, lambda d: (d.pop("class_path"), d.update(schema=0)), "none")
    monkeypatch.setattr(en, "MIGRATIONS", {0: lambda document: {**document, "class_path": now.class_path}})
    assert read_entry(path) == now


def test_submit_refuses_what_is_not_complete(mine: Path, capsys) -> None:
    results = mine / "runs" / "small" / "results"
    entry = read_entry(mine / "entries" / "small" / "accumulate.json")
    path = results / f"{entry.rows[0].cells[2].key[:16]}.json"
    whole = path.read_text()
    cell = read_result(path)
    metric = entry.rows[0].primary[0]
    cases = [
        (
            dataclasses.replace(cell, status="failed", error=CellError("fit", 3, "NaN loss")),
            "failed in fit 3: NaN loss",
        ),
        (dataclasses.replace(cell, status="incomplete"), "incomplete; allowed: complete cells"),
        (dataclasses.replace(cell, metrics=cell.metrics[:-1]), f"{metric} was not measured at every iteration"),
        (dataclasses.replace(cell, metrics=(), absent={metric: "no Java"}), "at every iteration (no Java)"),
    ]
    written = (mine / "entries" / "small" / "accumulate.json").read_bytes()
    for broken, words in cases:
        broken.write(path)
        assert submit(mine, "accumulate") == 2
        assert words in capsys.readouterr().err
    path.unlink()
    assert submit(mine, "accumulate") == 2
    error = capsys.readouterr().err
    assert f"accumulate on {entry.rows[0].name}, seed 2: no result file" in error
    assert "run 'make bench SUITE=small' first" in error
    path.write_text(whole)
    assert submit(mine, "accumulate", "--n", "8") == 2
    assert "allowed: no overrides" in capsys.readouterr().err
    assert submit(mine, "no_such_method") == 2
    assert (mine / "entries" / "small" / "accumulate.json").read_bytes() == written


def test_a_method_that_the_suite_does_not_know(mine: Path, capsys) -> None:
    """Without its code the row is compared with what the suite asks of everyone; a declared gap is said."""
    path = edit(mine, lambda d: (set_name("mystery")(d), hide_row(d)))
    path = path.rename(path.with_name("mystery.json"))
    capsys.readouterr()
    assert verify(mine, path) == 0
    out = capsys.readouterr().out
    assert "does not know this method" in out
    assert f"{ROW}: said to be not applicable, though it trains what the method applies to" in out
    assert table(mine) == 0
    overview = json.loads((mine / "boards" / "small.json").read_text())["overall"]
    lines = {(t["modality"], x["mitigation"]): x for t in overview for x in t["lines"]}
    assert lines["captioner", "mystery"]["scenarios"] == "1/1"
    assert ("generator", "mystery") not in lines, "not applicable is not incomplete"


def test_an_unknown_suite_or_method_is_never_imported(mine: Path, capsys) -> None:
    path = mine / "entries" / "small" / "none.json"
    assert cli.main(["verify", str(path)]) == 2
    assert "suite: found 'small'; allowed: analytic" in capsys.readouterr().err


def test_labels_of_what_is_accepted(mine: Path, capsys) -> None:
    def change(document):
        document["commits"] = ["ab" * 20 + "+"]
        document["rows"][0]["cells"][0]["device"] = "NVIDIA H200"
        document["rows"][0]["cells"][0]["key"] = "0" * 64

    assert verify(mine, edit(mine, change)) == 0
    out = capsys.readouterr().out
    assert "made by code that was not committed" in out
    assert "several kinds of hosts" in out
    assert "1 of 10 cells have another key now" in out


@pytest.mark.slow
def test_a_cell_runs_again_to_the_same_bits(tmp_path: Path, capsys) -> None:
    write_suite(tmp_path)
    plan = make_plan(str(tmp_path / "small.yaml"))
    outcome, _ = run_in_memory(plan, tmp_path / "runs" / "small" / "results")
    host = {"device": "cpu", "machine": platform.machine(), "threads": 1}  # what a worker process says of itself
    for result in outcome.results.values():
        cell = dataclasses.replace(result, execution=host)
        cell.write(tmp_path / "runs" / "small" / "results" / cell.file_name)
    assert submit(tmp_path, "none") == 0
    path = tmp_path / "entries" / "small" / "none.json"
    assert read_entry(path).versions == _versions()
    capsys.readouterr()
    assert verify(tmp_path, path, "--rerun", "1", "--workers", "1") == 0
    assert "numbers are equal to the last bit" in capsys.readouterr().out
    assert verify(tmp_path, path, "--rerun", "9") == 2
    assert "no seed 9" in capsys.readouterr().err


def test_a_cell_that_differs_is_found(study: Path) -> None:
    entry = read_entry(study / "entries" / "small" / "accumulate.json")
    row = entry.rows[0]
    cell, metric = row.cells[0], row.primary[0]
    results = study / "runs" / "small" / "results"
    made = read_result(results / f"{cell.key[:16]}.json")
    assert compare_rerun(row, cell, entry.versions, made).problems == []
    nudged = copy.deepcopy(cell.curves)
    nudged[metric] = (*nudged[metric][:-1], nudged[metric][-1] + 1e-12)
    forged = dataclasses.replace(cell, curves=nudged)
    assert f"{metric} at 4" in compare_rerun(row, forged, entry.versions, made).problems[0]
    elsewhere = dataclasses.replace(made, execution={**made.execution, "device": "NVIDIA H200"})
    found = compare_rerun(row, forged, entry.versions, elsewhere)
    assert found.problems == []
    assert "within 3 standard deviations" in found.notes[0]
    nudged[metric] = (*nudged[metric][:-1], nudged[metric][-1] + 100)
    assert compare_rerun(row, forged, entry.versions, elsewhere).problems != []
    assert compare_rerun(row, cell, {**entry.versions, "torch": "0"}, made).notes[0].endswith("over seeds")


def local_board(home: Path, *arguments: str) -> dict[tuple[str, str], dict[str, str]]:
    assert table(home, *arguments) == 0
    rows = csv.DictReader(io.StringIO((home / "runs" / "small" / "leaderboard.csv").read_text()))
    return {(r["scenario"], r["mitigation"]): r for r in rows}


def test_local_rows_stand_beside_entries(mine: Path, capsys) -> None:
    (mine / "entries" / "small" / "fresh_real.json").unlink()
    results = mine / "runs" / "small" / "results"
    half = read_entry(mine / "entries" / "small" / "none.json").rows[0].cells[0].key[:16]
    (results / f"{half}.json").unlink()
    rows = local_board(mine)
    assert rows["single_model_generator", "fresh_real"]["origin"] == "local"
    assert rows["single_model_generator", "none"]["origin"] == "entry", "the local one lost a seed"
    assert rows["single_model_captioner", "none"]["origin"] == "local"
    assert rows["single_model_generator", "fresh_real"]["prevented"] != "", "scored with committed controls"
    page = (mine / "runs" / "small" / "leaderboard.md").read_text()
    assert "fresh_real (local)" in page
    assert "fresh_real" not in (mine / "boards" / "small.md").read_text()
    assert "(local)" not in (mine / "boards" / "small.md").read_text()


def test_entries_of_another_protocol_stay_out_of_the_local_board(mine: Path, capsys) -> None:
    rows = local_board(mine, "--n", "8")
    assert {r["origin"] for r in rows.values()} == {"local"}
    assert "entries of another protocol are not shown: none, real, accumulate" in capsys.readouterr().out


def test_sorting(mine: Path, capsys) -> None:
    local_board(mine, "--sort", "network_evaluations")
    rows = csv.DictReader(io.StringIO((mine / "runs" / "small" / "leaderboard.csv").read_text()))
    spent = [int(r["network_evaluations"]) for r in rows if r["modality"] == "generator" and r["role"] == "method"]
    assert spent == sorted(spent)
    capsys.readouterr()
    assert table(mine, "--sort", "variance_tail") == 0
    shown = capsys.readouterr().out
    assert "variance_tail@n=32" in shown
    assert max(map(len, shown.splitlines())) <= 120
    assert table(mine, "--sort", "colour") == 2
    assert "--sort: found 'colour'; allowed: start, end" in capsys.readouterr().err


def test_committed_schema_is_up_to_date(study: Path) -> None:
    path = Path(en.__file__).parent / "entry.schema.json"
    assert json.loads(path.read_text()) == json.loads(json.dumps(en.json_schema()))
    document = json.loads((study / "entries" / "small" / "none.json").read_text())
    assert set(en.json_schema()["properties"]) == set(document)


def test_order_of_entries_does_not_matter(study: Path) -> None:
    from leaderboard.render import markdown

    entries = read_entries("small", study / "entries")
    assert markdown(entry_board(reversed(entries))) == markdown(entry_board(entries))

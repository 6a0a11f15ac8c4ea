"""Everything that a stranger's entry may try."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from benchmarks.commands import main as cli
from leaderboard import entries as en
from leaderboard.entries import EntryError, read_entries, read_entry
from tests.leaderboard.entry_study import (
    ROW,
    edit,
    headline,
    row_of,
    table,
    verify,
)

pytestmark = pytest.mark.usefixtures("no_pictures")


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
    document["class_name"] = "keep_half"


def other_knobs(document):
    document["init_args"] = {**document["init_args"], "share": 0.125}


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
    (other_class, "class_name: keep_half; the suite's accumulate is accumulate", ""),
    (other_knobs, "init_args: ", ""),
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
    (put(1, "colour"), "key 'colour' is unknown"),
    (put(99, "schema"), "schema 99 is newer"),
    (put("5", "rows", 0, "n"), "rows[0].n: found '5'; allowed: int"),
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

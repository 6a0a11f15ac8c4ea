"""Whether a method still learns: read from another suite's committed entries, absent with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.commands import main as cli
from benchmarks.methods.ready import make_method
from benchmarks.planning.planner import make_plan
from benchmarks.reporting.boards import make_board, write_entry_board
from benchmarks.reporting.learning import known_learning
from benchmarks.study.loading import SUITES
from leaderboard import overview, tables
from leaderboard import statistics as st
from leaderboard.entries import FOLDER, read_entries
from leaderboard.learning import read_learning
from records.errors import UsageError
from records.names import MODALITIES
from tests.engine.conftest import write_suite

RENAMED = "scenes_renamed"
MITIGATIONS = SUITES / "mitigations"
ACCURACY = "captioner/attribute_accuracy@n=512"


def gains(method: str) -> np.ndarray:
    """What a row of the committed suite gained from 0 to T, straight from its entry."""
    entry = next(e for e in read_entries(RENAMED) if e.method == method)
    return np.array([cell.curves[ACCURACY][-1] - cell.curves[ACCURACY][0] for cell in entry.rows[0].cells])


def test_what_is_learned_is_the_gain_as_a_share_of_that_of_real_pairs():
    found = read_learning({"captioner": RENAMED}, FOLDER)["captioner"]
    assert set(found.shares) >= {"real", "wise_ft", "l2_base", "kl_base", "ema"}
    for method, share in found.shares.items():
        entry = "real" if method == "real" else f"real_{method}"
        assert share.value == pytest.approx(gains(entry).mean() / gains("real").mean())
    expected = st.fieller(gains("real_wise_ft"), gains("real"), items=512)
    assert (found.shares["wise_ft"].low, found.shares["wise_ft"].high) == pytest.approx((expected.low, expected.high))
    assert found.shares["wise_ft"].high < 1 < found.shares["ema"].high, "one forgets to learn, one does not"
    assert found.absent("wise_ft") == ""
    assert found.absent("accumulate") == f"no row real_accumulate in {RENAMED}"


def test_what_cannot_be_known_has_its_reason(tmp_path: Path):
    found = read_learning({"captioner": "gone", "generator": RENAMED}, FOLDER)
    assert found["captioner"].absent("ema") == "no entries of gone"
    assert found["generator"].absent("ema") == f"{RENAMED} trains no generator"
    home = tmp_path / RENAMED
    home.mkdir()
    for name in ("none", "real", "real_ema"):
        text = (FOLDER / RENAMED / f"{name}.json").read_text()
        (home / f"{name}.json").write_text(text)
    assert set(read_learning({"captioner": RENAMED}, tmp_path)["captioner"].shares) == {"real", "ema"}
    document = json.loads((home / "real_ema.json").read_text())
    document["rows"][0]["cells"].pop()
    (home / "real_ema.json").write_text(json.dumps(document))
    found = read_learning({"captioner": RENAMED}, tmp_path)["captioner"]
    assert found.absent("ema") == "real_ema (incomplete 4/5)", "it is there"
    (home / "real.json").unlink()
    assert read_learning({"captioner": RENAMED}, tmp_path)["captioner"].reason == f"no complete row real in {RENAMED}"


def test_real_pairs_that_teach_nothing_say_nothing(tmp_path: Path):
    home = tmp_path / "flat"
    home.mkdir()
    for name in ("none", "real", "real_ema"):
        document = json.loads((FOLDER / RENAMED / f"{name}.json").read_text())
        document["suite"] = "flat"
        document["command"] = document["command"].replace(RENAMED, "flat")
        for cell in document["rows"][0]["cells"]:
            curve = cell["curves"][ACCURACY]
            cell["curves"][ACCURACY] = [curve[0] - 0.01 * i for i in range(len(curve))]
        (home / f"{name}.json").write_text(json.dumps(document))
    assert read_learning({"captioner": "flat"}, tmp_path)["captioner"].reason == "real pairs teach nothing in flat"


def test_a_suite_says_where_learning_is_read_and_nothing_else_changes(tmp_path: Path):
    plain = make_plan(str(write_suite(tmp_path)))
    for entry in (plain,):
        assert entry.suite.learning == {}
    told = make_plan(str(write_suite(tmp_path, learning={"captioner": RENAMED, "generator": "later"})))
    assert told.digest == plain.digest
    assert list(told.steps) == list(plain.steps)
    assert [(row.protocol, row.keys) for row in told.rows] == [(row.protocol, row.keys) for row in plain.rows]


@pytest.mark.parametrize(
    ("learning", "said"),
    [
        ({"painter": RENAMED}, "learning: found 'painter'; allowed: captioner, generator"),
        ({"captioner": "../secret"}, "learning: captioner: found '../secret'; allowed: "),
        ({"captioner": 3}, "learning"),
    ],
)
def test_what_is_no_suite_is_refused(tmp_path: Path, learning: dict, said: str):
    with pytest.raises(UsageError, match="learning") as refused:
        make_plan(str(write_suite(tmp_path, learning=learning)))
    assert said in str(refused.value)


def test_the_column_stands_beside_what_is_prevented(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    plan = make_plan("scenes_board_captioner")
    board = make_board(plan, tmp_path)
    text = overview.terminal(board)
    assert "learns" in text
    row = next(line for line in text.splitlines() if line.startswith("wise_ft"))
    assert row.split()[-1] == "0.40"
    assert next(line for line in text.splitlines() if line.startswith("never trained")).split()[-1] == "0"
    assert f"share of what real pairs teach in {RENAMED}" in text
    rows = {line.split()[0]: line for line in text.splitlines() if line}
    assert rows["accumulate"].split()[-1] == "0.22"
    assert rows["best_of_n"].endswith("not run")
    assert all(" ".join(said.split()) in " ".join(text.split()) for said in overview.UNCHANGED.values())
    document = json.loads(tables.json_text(board, "it"))
    told = {row["name"]: row["captioner_learns"] for row in document["loops"][0]["rows"]}
    assert told["wise_ft"]["share"] == pytest.approx(0.4, abs=0.01)
    assert told["wise_ft"]["of"] == "real pairs"
    assert told["accumulate"]["share"] == pytest.approx(gains("accumulate").mean() / gains("real").mean(), abs=1e-5)
    assert told["accumulate"]["of"] == "own pairs"
    assert told["best_of_n"] == {
        "share": None,
        "share_low": None,
        "share_high": None,
        "share_kind": None,
        "of": "not run",
    }
    assert told["none"]["of"] == ""
    page = overview.markdown(board)
    assert any("own pairs" in line for line in "\n".join(page).splitlines() if line.startswith("| accumulate"))
    generator = overview.terminal(make_board(make_plan("board"), tmp_path))
    assert "learns" in generator
    assert cli.main(["table", "scenes_renamed", "--runs", str(tmp_path), "--boards", str(tmp_path)]) == 0
    assert "learns" not in capsys.readouterr().out


def test_committed_boards_have_the_column(tmp_path: Path):
    write_entry_board("scenes_board_captioner", None, tmp_path)
    page = (tmp_path / "scenes_board_captioner.md").read_text()
    assert "captioner learns [95 %]" in page


@pytest.mark.parametrize(
    "name",
    [
        "accumulate",
        "best_of_n",
        "verifier_filter",
        "frozen_relabel",
        "ensemble",
        "budget_steps",
        "lower_guidance",
        "sims",
    ],
)
def test_a_method_of_data_alone_fits_as_real(name: str):
    assert all(map(make_method(name, MITIGATIONS).fits_as_real, MODALITIES))


@pytest.mark.parametrize(
    "name", ["ema", "ema_steps", "kl_base", "lora_rank", "segmented_ensemble", "fresh_real_wise_ft"]
)
def test_a_method_of_fits_or_weights_does_not(name: str):
    assert not any(map(make_method(name, MITIGATIONS).fits_as_real, MODALITIES))


@pytest.mark.parametrize(("name", "side"), [("redifine", "generator"), ("tce", "captioner")])
def test_a_method_of_one_side_leaves_the_other_as_it_is(name: str, side: str):
    ready = make_method(name, MITIGATIONS)
    assert [m for m in MODALITIES if not ready.fits_as_real(m)] == [side]


def test_a_method_that_does_not_ship_is_asked_where_a_plan_has_it(tmp_path: Path):
    text = (MITIGATIONS / "best_of_n.yaml").read_text().replace("name: best_of_n", "name: mine")
    (tmp_path / "mine.yaml").write_text(text)
    known = known_learning({"captioner": RENAMED}, FOLDER, ["mine"], ["none", "mine.yaml"], tmp_path)
    assert known["captioner"].basis("mine") == "not run"


def test_fits_as_real_mean_nothing_where_nobody_knows_what_real_pairs_teach(tmp_path: Path):
    known = known_learning({"captioner": RENAMED, "generator": "gone"}, FOLDER, ["accumulate", "wise_ft", "mine"])
    assert known["captioner"].basis("accumulate") == "own pairs"
    assert not known["captioner"].absent("accumulate")
    assert known["captioner"].basis("wise_ft") == "real pairs"
    assert known["captioner"].share("l2_base") == known["captioner"].shares["l2_base"], "not that of its own pairs"
    assert known["captioner"].absent("mine") == f"no row real_mine in {RENAMED}", "of which nothing is known"
    assert known["generator"].basis("accumulate") == ""
    assert known["generator"].absent("accumulate") == "no entries of gone"

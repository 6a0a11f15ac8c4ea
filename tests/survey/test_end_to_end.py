"""From a run to what people say of it: small models draw and caption, a browser votes, the votes are read."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.commands.main import main
from benchmarks.planning.planner import make_plan
from benchmarks.running.study import run_study
from benchmarks.storage.store import LocalStore
from benchmarks.survey.documents import read_key
from leaderboard.fitting import LINES, WIDTH
from tests.engine.conftest import write_suite
from tests.pages.browser import browser, complaints, open_page, requested, why_not

#: The shipped bases on eight pairs, one iteration of steps so large that they do harm.
ORACLES = "[benchmarks.metrics.captions.oracle.CaptionOracle, benchmarks.metrics.images.oracle.ImageOracle]"
WORDS = (
    "--scenarios", "[{file: joint_finetune, variants: [real_prompts]}]", "--mitigations", "[none, real, accumulate]",
    "--iterations", "1", "--n", "8", "--evaluate.n", "16", "--evaluate.draw_inputs", "0",
    "--fit.captioner", "{steps: 6, batch_size: 8, learning_rate: 0.02}", "--fit.generator", "{steps: 6, batch_size: 8, learning_rate: 0.02}",
    "--metrics", ORACLES, "--primary", "{captioner: attribute_accuracy, generator: attribute_accuracy}",
)  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("survey") / "runs"
    outcome = run_study(make_plan("smoke", WORDS), folder, workers=0, mirror=False)
    assert not outcome.failed
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def said(capsys: Any, *words: str, code: int = 0) -> str:
    """Run a command; return its screen."""
    assert main(list(words)) == code
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert len(lines) <= LINES
    return printed.out + printed.err


def written(runs: Path, capsys: Any, *words: str) -> Path:
    """Write a survey of the run; return its folder."""
    screen = said(capsys, "survey", "smoke", *WORDS, "--runs", str(runs), *words)
    before = re.search(r"written to \.*(\S+)", screen)
    assert before
    return next(path.parent for path in runs.rglob("survey.html") if str(path.parent).endswith(before[1]))


def decoded(uri: str) -> np.ndarray:
    import base64
    import io

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


@pytest.mark.slow
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
def test_votes_from_a_browser_come_out_as_a_ranking_beside_metrics(runs: Path, capsys: Any) -> None:
    folder = written(runs, capsys, "--questions", "40", "--checks", "6")
    key = read_key(folder / "key.json")
    assert [c.name for c in key.contestants if c.side == "generator"] == [
        "real pictures", "base model", "none", "real", "accumulate",
    ]  # fmt: skip
    people = {"people's captions", "real pictures"}
    for rater in range(
        6
    ):  # each in a browser of its own: people prefer what people made, then what comes first by name
        with browser() as driver:
            driver.execute_cdp_cmd(
                "Page.addScriptToEvaluateOnNewDocument",
                {"source": "let now = 0; performance.now = () => (now += 1500);"},
            )
            open_page(driver, folder / "survey.html")
            driver.find_element("id", "start").click()
            for turn in driver.execute_script("return survey.asked(survey.ballot().rater)"):
                options = key.questions[turn["question"]].options
                left, right = options[turn["left"]], options[turn["right"]]
                better = (
                    left
                    if left in people or left == "right" or (right not in people and right != "right" and left < right)
                    else right
                )
                button = "left" if better == left else "right"
                if rater == 5 and "right" in (left, right):  # does not look: checks are wrong
                    button = "right" if button == "left" else "left"
                driver.find_element("id", button).click()
            driver.find_element("id", "save").click()
            from selenium.webdriver.support.wait import WebDriverWait

            found = WebDriverWait(driver, 20).until(lambda d: list(d.downloads.glob("*.json")))
            shutil.copy(found[0], folder / "votes")
            assert complaints(driver) == []
            assert requested(driver) == []
    screen = said(capsys, "survey-results", str(folder / "votes"))
    print(screen)
    assert "5 raters of 6 count" in screen
    assert "People prefer, of pictures," in screen
    assert "real pictures over real" in screen
    assert "0 of 6 checks right; 6 are needed" in screen
    assert max(map(len, screen.splitlines())) <= WIDTH
    document = json.loads((folder / "survey.json").read_text())
    for side in document["sides"]:
        order = [c["name"] for c in sorted(side["contestants"], key=lambda c: -c["strength"])]
        assert order == [order[0], "accumulate", "base model", "none", "real"]
        assert order[0] in people
        assert side["agreement"]["alpha"] == 1.0
        metrics = {m["metric"].partition("@")[0]: m for m in side["metrics"]}
        assert f"{side['side']}/attribute_accuracy" in {name.partition(",")[0] for name in metrics}
        assert all(m["n"] == 4 for m in metrics.values())
        assert side["metrics"]
        for metric in side["metrics"]:
            low, high = metric["interval"] or (-1, 1)
            assert -1 <= low <= metric["spearman"] <= high <= 1
    page = (folder / "survey.md").read_text()
    assert page.count("Differences of strengths:") == 2
    assert "| joint_finetune/real_prompts/accumulate | 1 |" in page


@pytest.mark.slow
def test_what_is_shown_is_what_the_run_kept(runs: Path, capsys: Any) -> None:
    folder = written(runs, capsys, "--rows", "*/none", "--seed", "3")
    key = read_key(folder / "key.json")
    plan = make_plan("smoke", WORDS)
    store = LocalStore(runs / "store")
    row = next(row for row in plan.rows if row.mitigation == "none")
    trace, data = plan.cells[row.keys[0]].trace, plan.world.data
    page = json.loads(re.search(r'id="data">(.*?)</script>', (folder / "survey.html").read_text(), re.S)[1])  # type: ignore[index]
    times = {"none": 1, "base model": 0}
    seen = 0
    for shown in page["questions"]:
        question = key.questions[shown["id"]]
        ids = np.array([question.item])
        if question.side == "generator":
            assert shown["text"] == data.captions("evaluation", ids)[0][0]
        else:
            assert (decoded(shown["image"]) == np.asarray(data.images("evaluation", ids))[0]).all()
        for option in shown["options"]:
            whose = question.options[option["id"]]
            if whose in times:
                pool = store.get(trace.samples[question.side, times[whose]])
                row_of = int(np.flatnonzero(pool.ids == question.item)[0])
                expected: Any = (
                    pool.captions[row_of] if question.side == "captioner" else np.asarray(pool.images[row_of])
                )
            elif whose in ("right", "real pictures", "people's captions"):
                expected = (
                    data.captions("evaluation", ids)[0][0]
                    if question.side == "captioner"
                    else np.asarray(data.images("evaluation", ids))[0]
                )
            else:
                continue
            seen += 1
            got = option["text"] if question.side == "captioner" else decoded(option["image"])
            assert np.array_equal(got, expected)
    assert seen >= 80
    assert written(runs, capsys, "--rows", "*/none", "--seed", "3") == folder
    assert written(runs, capsys, "--rows", "*/none", "--seed", "4") != folder


@pytest.mark.slow
def test_sets_are_what_a_model_learned_from(runs: Path, capsys: Any) -> None:
    folder = written(runs, capsys, "--of", "sets", "--questions", "12", "--sheets", "2", "--rows", "*/none")
    key = read_key(folder / "key.json")
    assert [c.name for c in key.contestants] == ["real pictures", "none"]
    plan = make_plan("smoke", WORDS)
    row = next(row for row in plan.rows if row.mitigation == "none")
    fits = [s for s in plan.steps.values() if s.kind == "fit" and s.key in plan.cells[row.keys[0]].needs]
    pool = LocalStore(runs / "store").get(fits[0].pool)
    page = json.loads(re.search(r'id="data">(.*?)</script>', (folder / "survey.html").read_text(), re.S)[1])  # type: ignore[index]
    pictures = {image.tobytes() for image in np.asarray(pool.images)}
    shown = [decoded(o["image"]).tobytes() for q in page["questions"] for o in q["options"]
             if key.questions[q["id"]].options[o["id"]] == "none"]  # fmt: skip
    assert len(shown) == 24
    assert set(shown) <= pictures
    assert [len(sheet) for sheet in page["sheets"]] == [20, 20]
    assert set(page["sheets"][0]) & set(page["sheets"][1]) == set(key.checks)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["--questions", "3"],
            "--questions: found 3 on 1 sheet; 5 are compared as captioner; allowed: 10 or more in all, or fewer --rows",
        ),
        (["--questions", "0"], "--questions: found 0; allowed: 1 or more"),
        (["--checks", "4"], "--checks: found 4; allowed: 5 or more"),
        (
            ["--rows", "nothing"],
            "--rows: found nothing; allowed: patterns of rows such as joint_finetune/real_prompts/none",
        ),
        (["--at", "0,x"], "--at: found '0,x'; allowed: iterations such as 0,5"),
        (["--seeds", "[1]"], "is not in the store; allowed: rows that ran and were kept"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(words: list[str], expected: str, runs: Path, capsys: Any) -> None:
    before = sorted(runs.rglob("survey.html"))
    text = said(capsys, "survey", "smoke", *WORDS, "--runs", str(runs), *words, code=2)
    assert expected in text
    assert len(text) < 310
    assert sorted(runs.rglob("survey.html")) == before


def test_numbers_are_nothing_to_look_at_and_what_has_not_run_is_named(tmp_path: Path, capsys: Any) -> None:
    file = write_suite(tmp_path)
    words = ["survey", str(file), "--runs", str(tmp_path / "runs")]
    assert "is not in the store; allowed: rows that ran and were kept" in said(capsys, *words, code=2)
    assert not run_study(make_plan(str(file)), tmp_path / "runs", workers=0, mirror=False).failed
    assert "its data are numbers, not pictures; allowed: a suite of pictures" in said(capsys, *words, code=2)

"""The page in a real browser: it takes clicks and keys, shuffles, resumes, saves, sends nothing, and tells no side."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.survey.design import Design, Pair
from benchmarks.survey.documents import Key, read_ballot
from benchmarks.survey.page import make_page, picture_uri
from records.errors import UsageError
from tests.pages.browser import browser, complaints, open_page, requested, why_not
from tests.survey.people import HOSTILE, small_survey

in_browser = pytest.mark.skipif(bool(why_not()), reason=why_not())
#: A clock that a test moves: two seconds pass between any two looks at it.
CLOCK = "let now = 0; performance.now = () => (now += 2000);"


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Key]:
    page, key = small_survey()
    file = tmp_path_factory.mktemp("survey") / "survey.html"
    file.write_text(page.text, encoding="utf-8")
    return file, key


@pytest.fixture
def driver(survey: tuple[Path, Key]) -> Iterator[Any]:
    with browser() as opened:
        opened.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": CLOCK})
        open_page(opened, survey[0])
        yield opened


def element(driver: Any, name: str) -> Any:
    return driver.find_element("id", name)


def press(driver: Any, key: str) -> None:
    from selenium.webdriver.common.keys import Keys

    driver.find_element("tag name", "body").send_keys(getattr(Keys, key))


def saved(driver: Any) -> Path:
    """Click on save and return the file, once the browser has it whole."""
    from selenium.webdriver.support.wait import WebDriverWait

    before = set(driver.downloads.glob("*.json"))
    element(driver, "pause" if element(driver, "vote").is_displayed() else "save").click()
    found = WebDriverWait(driver, 20).until(lambda _: set(driver.downloads.glob("*.json")) - before)
    return found.pop()


@in_browser
def test_votes_by_click_and_key_are_saved_and_read(driver: Any, survey: tuple[Path, Key]) -> None:
    _, key = survey
    element(driver, "start").click()
    turns = driver.execute_script("return survey.asked(survey.ballot().rater)")
    ways = [lambda: element(driver, "left").click(), lambda: press(driver, "ARROW_RIGHT"), lambda: press(driver, "ARROW_DOWN"),
            lambda: press(driver, "ARROW_LEFT"), lambda: element(driver, "tie").click(), lambda: element(driver, "right").click()]  # fmt: skip
    meant = ["left", "right", "tie", "left", "tie", "right"]
    for i in range(len(turns)):
        assert element(driver, "count").text == f"{i + 1} of {len(turns)}"
        ways[i % 6]()
    assert element(driver, "done").is_displayed()
    assert driver.switch_to.active_element.get_attribute("id") == "thanks"
    ballot = read_ballot(saved(driver), key)
    assert [(v.question, v.left, v.right) for v in ballot.votes] == [
        (t["question"], t["left"], t["right"]) for t in turns
    ]
    assert [v.answer for v in ballot.votes] == [meant[i % 6] for i in range(len(turns))]
    assert {v.question for v in ballot.votes} == set(key.questions)
    assert {v.seconds for v in ballot.votes} == {2.0}
    assert re.fullmatch("[0-9a-f]{32}", ballot.rater)
    assert complaints(driver) == []
    assert requested(driver) == []


@in_browser
def test_undo_reload_and_a_part_of_the_answers(driver: Any, survey: tuple[Path, Key]) -> None:
    file, key = survey
    element(driver, "start").click()
    rater = driver.execute_script("return survey.ballot().rater")
    for key_name in ("ARROW_LEFT", "ARROW_LEFT", "ARROW_RIGHT", "BACKSPACE", "BACKSPACE", "ARROW_DOWN"):
        press(driver, key_name)
    driver.refresh()
    assert element(driver, "vote").is_displayed()
    assert element(driver, "count").text == f"3 of {len(key.questions)}"
    assert "chosen" in element(driver, "right").get_attribute("class")
    ballot = read_ballot(saved(driver), key)
    assert ballot.rater == rater
    assert [v.answer for v in ballot.votes] == ["left", "tie", "right"]
    assert [v.seconds for v in ballot.votes] == [2.0, 4.0, 2.0]  # looked at twice, timed twice
    press(driver, "ARROW_LEFT")
    open_page(driver, file)
    assert element(driver, "count").text == f"4 of {len(key.questions)}"


@in_browser
def test_over_raters_every_contestant_stands_left_half_of_the_time(driver: Any, survey: tuple[Path, Key]) -> None:
    _, key = survey
    raters = 400
    turns = driver.execute_script(
        "return [...Array(arguments[0]).keys()].map(i => survey.asked((i * 7919 + 13).toString(16).padStart(32, '0')))",
        raters,
    )
    assert len({tuple(t["question"] for t in one) for one in turns}) == raters
    left: Counter[str] = Counter()
    first: Counter[str] = Counter()
    for one in turns:
        assert {t["question"] for t in one} == set(key.questions)
        first[one[0]["question"]] += 1
        left.update(t["left"] for t in one)
    # each is binomial of 400 and 1/2: six standard errors are 60, which 64 options all keep but once in 10 million
    sides = [left[option] for question in key.questions.values() for option in question.options]
    assert max(abs(count - raters / 2) for count in sides) < 60
    assert max(first.values()) < raters / len(key.questions) * 3
    whose: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for question in key.questions.values():
        for option, name in question.options.items():
            whose[name] += left[option]
            total[name] += raters
    assert all(abs(whose[name] / total[name] - 0.5) < 0.02 for name in total)


@in_browser
@pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1440, False), (1440, True)])
def test_nothing_serious_stands_in_anybodys_way(width: int, dark: bool, survey: tuple[Path, Key]) -> None:
    from axe_core_python.selenium import Axe

    with browser(width, 844, dark=dark) as opened:
        open_page(opened, survey[0])
        kinds = set()
        for section in ("intro", "vote", "done"):
            while section == "vote" and len(kinds) < 2:
                kinds.add(element(opened, "pair").get_attribute("class"))
                assert grave(Axe().run(opened)) == []
                assert opened.execute_script("return document.documentElement.scrollWidth") <= width
                press(opened, "ARROW_LEFT")
            if section == "done":
                while element(opened, "vote").is_displayed():
                    press(opened, "ARROW_LEFT")
            assert grave(Axe().run(opened)) == []
            if section == "intro":
                element(opened, "start").click()


def grave(found: dict[str, Any]) -> list[str]:
    assert len(found["passes"]) > 10  # it has looked
    return [v["id"] for v in found["violations"] if v["impact"] in ("serious", "critical")]


@in_browser
def test_without_scripts_the_page_says_what_it_needs(survey: tuple[Path, Key]) -> None:
    with browser(javascript=False) as opened:
        open_page(opened, survey[0])
        assert "needs JavaScript" in opened.find_element("tag name", "body").text


@in_browser
def test_hostile_captions_are_text(driver: Any, survey: tuple[Path, Key]) -> None:
    element(driver, "start").click()
    seen = set()
    while element(driver, "vote").is_displayed():
        seen |= set(
            driver.execute_script("return [...document.querySelectorAll('.caption, #prompt')].map(e => e.textContent)")
        )
        assert driver.execute_script("return document.querySelectorAll('script').length") == 2
        assert driver.execute_script("return document.querySelectorAll('img').length") == 3
        press(driver, "ARROW_LEFT")
    assert any(HOSTILE in text for text in seen)
    assert complaints(driver) == []


def test_the_page_holds_no_name_and_nothing_from_outside(survey: tuple[Path, Key]) -> None:
    file, key = survey
    text = file.read_text(encoding="utf-8")
    said = re.sub(r"data:image/[^\"]*", "", text.partition('id="data">')[2].partition("</script>")[0])
    for word in [c.name for c in key.contestants] + ["joint", "wrong", "generator", "captioner"]:
        assert f'"{word}' not in said, word
    assert not re.search(r"(https?:|//[a-z]+\.)", text)
    assert "\u2028" not in text
    assert "\u2029" not in text
    assert text.count("</script>") == 2
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])  # type: ignore[index]
    shown = [question["id"] for question in data["questions"]]
    assert set(shown) == set(key.questions)
    fields = {name for question in data["questions"] for name in question} | {
        n for q in data["questions"] for o in q["options"] for n in o
    }
    assert fields == {"id", "kind", "text", "image", "options"}
    names = [o["id"] for q in data["questions"] for o in q["options"]] + shown
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[0-9a-f]{12}", name) for name in names)


def test_the_order_within_the_page_tells_neither_checks_nor_sides() -> None:
    places, firsts = [], Counter()
    for seed in range(60):
        page, key = small_survey(questions=8, checks=5, seed=seed, sides=("captioner",))
        data = json.loads(re.search(r'id="data">(.*?)</script>', page.text, re.S)[1])  # type: ignore[index]
        for k, question in enumerate(data["questions"]):
            known = key.questions[question["id"]]
            assert [option["id"] for option in question["options"]] == list(known.options)
            first = known.options[question["options"][0]["id"]]
            if known.right:
                places.append(k)
                firsts[first] += 1
            elif "people's captions" in known.options.values():
                firsts["people" if first == "people's captions" else "model"] += 1
    # 300 checks on 13 places: the mean has a standard error of 0.22; sides are binomial of about 300 and 240
    assert abs(np.mean(places) - 6) < 1
    assert abs(firsts["right"] - firsts["wrong"]) < 70
    assert abs(firsts["people"] - firsts["model"]) < 70


def test_the_same_seed_writes_the_same_page_and_another_one_another() -> None:
    (one, key), (same, _), (other, _) = (small_survey(seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.survey != other.survey
    assert key.survey == one.survey


def test_large_pictures_are_made_as_small_as_the_budget_asks() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2, 900, 600, 3)).astype(np.uint8)
    made = Design([[Pair("generator", 0, "a cat", None, ("a", "b"), (noise[0], noise[1]))]], [])
    free, tight = make_page(made, 0), make_page(made, 0, budget=100_000)
    assert free.side == 768
    assert tight.side < 384
    assert len(tight.text) <= 100_000 < len(free.text)
    with pytest.raises(UsageError, match=r"--questions: found 1, a page of 0 MB; allowed: so many"):
        make_page(made, 0, budget=1000)
    assert picture_uri(noise[0, :32, :32], 128).startswith("data:image/png;base64,")

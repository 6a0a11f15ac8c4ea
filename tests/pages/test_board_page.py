"""The page of a board in a real browser, from disk: it sorts, filters, opens evidence and links, and asks no network."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.planning.planner import make_plan
from benchmarks.reporting.pages.board_page import board_page, board_parts
from benchmarks.reporting.pages.extras import Extras
from benchmarks.reporting.pages.published import entry_page
from leaderboard.committed import entry_board
from leaderboard.entries import read_entries
from leaderboard.tables import records
from tests.pages.browser import complaints, open_page, requested

SUITE = "board"


@pytest.fixture(scope="module")
def board():
    return entry_board(read_entries(SUITE))


@pytest.fixture(scope="module")
def page(board, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("page") / "board.html"
    file.write_text(entry_page(make_plan(SUITE), board, None))
    return file


def shown(driver, part: int) -> list[str]:
    script = "return [...document.querySelectorAll(`tbody.row[data-part='${arguments[0]}']`)].filter(r => !r.hidden).map(r => r.dataset.name)"
    return driver.execute_script(script, part)


def choose(driver, name: str, value: str) -> None:
    script = "const e = document.getElementById('filters').elements[arguments[0]]; e.value = arguments[1]; e.dispatchEvent(new Event('input', {bubbles: true}))"
    driver.execute_script(script, name, value)


def test_a_click_on_a_column_sorts_every_part_and_a_second_one_turns_it_round(driver, page: Path, board) -> None:
    open_page(driver, page)
    driver.find_element("css selector", "button[data-sort=end]").click()
    values = {r["mitigation"]: r["end"] for r in records(board) if r["scenario"] == "single_model_captioner"}
    part = driver.execute_script(
        "return [...document.querySelectorAll('tbody.part')].findIndex(p => p.dataset.loop === 'single_model_captioner')"
    )
    names = [name for name in shown(driver, part) if name in values]
    assert names == sorted(values, key=values.get)
    driver.find_element("css selector", "button[data-sort=end]").click()
    assert [n for n in shown(driver, part) if n in values] == sorted(values, key=values.get, reverse=True)
    assert driver.find_element("css selector", "th[aria-sort]").get_attribute("aria-sort") == "descending"


def test_filters_hide_rows_and_figures_and_say_how_many_are_left(driver, page: Path) -> None:
    open_page(driver, page)
    choose(driver, "loop", "single_model_generator")
    parts = driver.find_elements("css selector", "tbody.part")
    assert {p.get_attribute("data-loop") for p in parts if p.is_displayed()} == {"single_model_generator"}
    figures = driver.find_elements("css selector", "figure[data-loop]")
    assert {f.get_attribute("data-loop") for f in figures if f.is_displayed()} == {"single_model_generator"}
    choose(driver, "method", "golden")
    rows = [r for r in driver.find_elements("css selector", "tbody.row") if r.is_displayed()]
    assert [r.get_attribute("data-name") for r in rows] == ["golden_ratio"]
    assert driver.find_element("id", "count").text.startswith("1 of ")
    assert "scenario=single_model_generator" in driver.current_url


def test_a_link_to_a_method_opens_its_evidence(driver, page: Path, board) -> None:
    open_page(driver, page, "scenario=single_model_captioner&method=frozen_relabel")
    rows = [r for r in driver.find_elements("css selector", "tbody.row.found") if r.is_displayed()]
    assert [r.get_attribute("data-name") for r in rows] == ["frozen_relabel"]
    text = rows[0].find_element("css selector", ".evidence").text
    record = next(
        r for r in records(board) if (r["mitigation"], r["scenario"]) == ("frozen_relabel", "single_model_captioner")
    )
    assert record["command"] in text
    assert record["commit"] in text
    for seed in board.rows[0].seeds:
        assert str(seed) in text


def test_another_metric_has_its_own_numbers_and_curves_and_the_headline_comes_back(driver, page: Path, board) -> None:
    open_page(driver, page, "scenario=single_model_captioner")
    before = driver.find_element("css selector", "table.board").text
    metric = "captioner/tail_survival@n=512"
    choose(driver, "metric", metric)
    group = next(g for g in board.groups if g.scenario == "single_model_captioner")
    none = next(x for x in group.lines if x.mitigation == "none")
    mean = sum(cell.value(metric, cell.iterations) for cell in none.reading.cells) / len(none.reading.cells)
    row = driver.find_element("css selector", "tbody.row.control[data-name=none]:not([hidden])")
    assert float(row.find_element("css selector", "td.end").text) == pytest.approx(mean, rel=5e-3)
    choose(driver, "metric", "")
    assert driver.find_element("css selector", "table.board").text == before


def test_the_csv_has_the_rows_that_are_shown_with_the_numbers_of_the_board(driver, page: Path, board) -> None:
    open_page(driver, page, "scenario=single_model_captioner")
    driver.find_element("id", "csv").click()
    file = driver.downloads / f"{SUITE}.csv"
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 20).until(lambda _: file.is_file())
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    wanted = {r["mitigation"]: r for r in records(board) if r["scenario"] == "single_model_captioner"}
    assert {row["mitigation"] for row in rows} == set(wanted)
    for row in rows:
        assert float(row["end"]) == pytest.approx(wanted[row["mitigation"]]["end"], rel=1e-5)


def test_a_method_is_drawn_where_its_box_is_ticked(driver, page: Path) -> None:
    open_page(driver, page)
    box = driver.find_element("css selector", ".legend input[data-name=none]")
    mark = driver.find_element("css selector", f".curves [data-m='{box.get_attribute('id')[1:]}']")
    assert mark.is_displayed()
    box.click()
    assert not mark.is_displayed()


def test_no_complaint_and_no_request(driver, page: Path) -> None:
    complaints(driver), requested(driver)
    open_page(driver, page, "method=accumulate")
    for button in driver.find_elements("css selector", "thead button"):
        button.click()
    assert complaints(driver) == []
    assert requested(driver) == []


def test_without_scripts_the_board_reads_and_its_evidence_opens(silent_driver, page: Path, board) -> None:
    open_page(silent_driver, page)
    text = silent_driver.find_element("tag name", "body").text
    assert all(line.mitigation in text for group in board.groups for line in group.lines)
    assert not silent_driver.find_element("id", "filters").is_displayed()
    row = silent_driver.find_element("css selector", "tbody.row:has(details)")
    assert not row.find_element("css selector", ".evidence").is_displayed()
    row.find_element("tag name", "summary").click()
    assert row.find_element("css selector", ".evidence").is_displayed()


def test_what_a_name_or_a_note_says_stays_text(driver, board, tmp_path: Path) -> None:
    evil = "<script>document.title='x'</script>\u2028</script>"
    group = board.groups[0]
    lines = tuple(replace(line, notes=(evil, f"false health: {evil}")) for line in group.lines)
    file = tmp_path / "evil.html"
    changed = replace(board, groups=(replace(group, lines=lines), *board.groups[1:]))
    file.write_text(board_page(board_parts(changed, evil, "from <b>nowhere</b>"), Extras(command=evil)))
    open_page(driver, file)
    assert driver.title.startswith(evil[:8])
    assert "document.title='x'" in driver.find_element("css selector", ".flag").text
    assert driver.execute_script("return document.scripts.length") == 2
    assert complaints(driver) == []


def test_equal_entries_give_equal_bytes(page: Path, board) -> None:
    assert entry_page(make_plan(SUITE), board, None) == page.read_text()

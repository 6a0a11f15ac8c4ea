"""The film of a run: what it is made of, what a reader sees of it, and that it stays small."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys

from benchmarks.commands import main as cli
from benchmarks.reporting.cell_pictures import pictures_of
from benchmarks.reporting.pages import film_files
from benchmarks.reporting.pages.film_files import FilmData, attribute_frequencies, encode, read_film, word_frequencies
from datamodules.scenes.dataset import Scenes
from records.results import CellResult, Row
from tests.engine.conftest import write_suite
from tests.pages.browser import complaints, open_page, requested
from tests.pages.made import GROUP, HOME, KEY, STEPS, N, report_of_a_run


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The folder of a run whose samples are known, with its report."""
    return report_of_a_run(tmp_path_factory.mktemp("run")).parent


def sprite_of(home: Path, side: str) -> tuple[FilmData, np.ndarray]:
    data, sprite = read_film(home / HOME, side)
    return data, np.asarray(Image.open(io.BytesIO(sprite)).convert("RGB"))


def test_a_film_has_a_row_a_step_and_a_column_an_item(run: Path) -> None:
    data, pixels = sprite_of(run, "generator")
    width, height = data.tile
    assert pixels.shape == (data.rows * height, len(data.heads) * width, 3)
    assert data.labels == ["real", "t = 0", "t = 1", "t = 2"]
    real = Scenes(domain="shapes", seed=0).images("evaluation", np.arange(1))
    assert (pixels[:height, :width] == real[0]).all()
    assert (pixels[2 * height : 3 * height, :width] == real[0] // 2).all()


def test_attributes_flow_from_what_is_true_to_what_is_made(run: Path) -> None:
    data, _ = sprite_of(run, "captioner")
    scenes = Scenes(domain="shapes", seed=0)
    truth = [value for item in scenes.attributes("evaluation", np.arange(N)) for value in item["colour"]]
    for value, shares in data.frequencies["colour"].items():
        assert shares[0] == pytest.approx(truth.count(value) / len(truth), abs=1e-4)
    assert data.steps == ["real", "t = 0", "t = 1", "t = 2"]
    assert data.read == N
    page = (run / HOME / "captions.md").read_text()
    assert "## What is said, and how often" in page
    assert "&lt;script&gt;" in page


def test_what_is_there_stays_and_mlflow_gets_what_people_see(run: Path) -> None:
    result = CellResult("s", "", KEY, 0, STEPS - 1, N, (Row(*GROUP, "none"),), ("generator",), "complete")
    assert {file.name for file in pictures_of(run, result)} == {"captions.md", "grid.png"}


def test_the_slider_shows_another_row_of_the_sprite(driver, run: Path) -> None:
    complaints(driver), requested(driver)
    open_page(driver, run / "report.html")
    film = driver.find_element("css selector", ".film[data-steps]")
    driver.execute_script("arguments[0].open = true", film)
    tile, slider, step = (film.find_element("css selector", s) for s in (".tile", "input[type=range]", "output"))

    def row() -> str:
        return driver.execute_script("return getComputedStyle(arguments[0]).backgroundPositionY", tile)

    assert (row(), step.text) == ("100%", "t = 2")
    slider.send_keys(Keys.HOME)
    assert (row(), step.text) == ("0%", "real")
    slider.send_keys(Keys.ARROW_RIGHT)
    assert step.text == "t = 0"
    play = film.find_element("css selector", "button.play")
    play.click()
    assert play.text == "pause"
    play.click()
    assert play.text == "play"
    assert complaints(driver) == []
    assert requested(driver) == []


def test_words_that_came_and_went_are_marked_and_foreign_text_stays_text(driver, run: Path) -> None:
    open_page(driver, run / "report.html")
    table = driver.find_element("css selector", ".film[data-side=captioner] table.words")
    driver.execute_script("arguments[0].closest('details').open = true", table)
    last = table.find_elements("css selector", "tr")[1].find_elements("tag name", "td")[-1]
    data, _ = sprite_of(run, "captioner")
    new = {mark.text for mark in last.find_elements("tag name", "ins")}
    assert "document.title='x'" in " ".join(new)
    old = {word for mark in last.find_elements("tag name", "del") for word in mark.text.split()}
    assert old <= set(data.captions[0][0].split())
    assert driver.title != "x"


def test_without_scripts_the_whole_sprite_is_seen(silent_driver, run: Path) -> None:
    open_page(silent_driver, run / "report.html")
    sheet = silent_driver.find_element("css selector", ".film[open] .sheet, .film[open] table.words")
    assert sheet.is_displayed()
    assert not any(e.is_displayed() for e in silent_driver.find_elements("css selector", ".film-bar"))


def test_a_page_that_cannot_be_drawn_fails_no_run(run: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    from benchmarks.reporting.pages import board_page

    def broken(*_: object) -> dict:
        raise ImportError("no vl_convert here")

    monkeypatch.setattr(board_page, "board_parts", broken)
    suite = write_suite(tmp_path)
    assert cli.main(["table", str(suite), "--runs", str(tmp_path / "runs")]) == 0
    said = capsys.readouterr()
    assert said.err.count("note: the board has no page (ImportError: no vl_convert here)") == 1
    assert "leaderboard.html" not in said.out


def test_small_pictures_lose_nothing_and_large_ones_stay_small() -> None:
    rng = np.random.default_rng(0)
    small = [rng.integers(0, 256, (3, 16, 16, 3), dtype=np.uint8) for _ in range(4)]
    made, size = encode(small)
    whole = np.asarray(Image.open(io.BytesIO(made)).convert("RGB"))
    assert size == (16, 16)
    assert (whole[16:32, 32:48] == small[1][2]).all()
    large = [rng.integers(0, 256, (10, 300, 200, 3), dtype=np.uint8) for _ in range(11)]
    made, (width, height) = encode(large)
    assert len(made) <= film_files.BYTES
    assert width / height == pytest.approx(2 / 3, abs=0.05)


def test_frequencies_are_shares_of_slots_and_of_captions() -> None:
    read = {"real": {"colour": np.array([["red", ""], ["red", "blue"]], dtype=object)}, "t = 0": {"colour": np.array([["?", "red"]], dtype=object)}}  # fmt: skip
    assert attribute_frequencies(read) == {"colour": {"red": [0.6667, 0.5], "blue": [0.3333, 0.0], "not readable": [0.0, 0.5]}}  # fmt: skip
    words = word_frequencies({"real": ["a dog runs", "a cat"], "t = 0": ["a dog", "a dog"]})["words"]
    assert words["dog"] == [0.5, 1.0]
    assert words["cat"] == [0.5, 0.0]
    assert next(iter(words)) in ("cat", "runs")


def test_a_film_of_another_cell_or_cut_off_is_not_shown(tmp_path: Path) -> None:
    data = FilmData("k" * 64, "row", "generator", ["t = 0"], ["a"], [], [], 0)
    film_files.write_film(tmp_path, data, [np.zeros((1, 8, 8, 3), np.uint8)])
    found, _ = read_film(tmp_path, "generator")
    assert found == replace(data, tile=[8, 8], rows=1)
    document, _ = film_files.files(tmp_path, "generator")
    document.write_text(document.read_text()[:100])
    assert read_film(tmp_path, "generator") is None

"""The page of a measured set says what its document says."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.commands.main import main
from benchmarks.measuring.example import put
from tests.pages.browser import complaints, open_page, requested
from tests.pages.made import measured, page_of_a_series, page_of_a_set


def test_a_set_shows_what_is_worse_first_beside_real_items(driver, tmp_path: Path) -> None:
    complaints(driver), requested(driver)
    open_page(driver, page_of_a_set(tmp_path))
    rows = driver.find_elements("css selector", "main section:nth-of-type(2) table tr")[1:]
    assert [row.find_element("tag name", "th").text.split("\n")[0] for row in rows] == ["copies", "length"]
    copies = next(line for line in measured("a_set", 0.3).lines if line.name == "copies")
    dot = rows[0].find_element("tag name", "circle")
    wide = float(dot.get_attribute("cx")) / copies.value * copies.interval[1]
    assert wide == pytest.approx(200 / 1.05, abs=1)  # the strip begins at 0 and ends a little beyond the interval
    assert "worse" in rows[0].text
    assert "0.02" in rows[0].text
    text = driver.find_element("tag name", "body").text
    assert "12 different items; at least 50 are needed" in text
    assert "document.title='x'" in text
    assert driver.title == "a_set, measured"
    assert complaints(driver) == []
    assert requested(driver) == []


def test_a_series_marks_what_is_worse(silent_driver, tmp_path: Path) -> None:
    open_page(silent_driver, page_of_a_series(tmp_path))
    row = next(r for r in silent_driver.find_elements("css selector", "table tr") if r.text.startswith("copies"))
    assert [cell.text for cell in row.find_elements("css selector", "td.n")] == ["0.02", "0.02", "0.08", "0.3*"]
    dots = row.find_elements("tag name", "circle")
    assert [dot.get_attribute("class") or "" for dot in dots] == ["", "", "bad"]
    heights = [float(dot.get_attribute("cy")) for dot in dots]
    assert heights == sorted(heights, reverse=True)


def test_the_command_writes_the_page_and_goes_on_without_it(tmp_path: Path, monkeypatch, capsys) -> None:
    made = put(tmp_path / "set", range(60))
    assert main(["measure", str(made), "--out", str(tmp_path / "out")]) == 0
    assert "page       measure.html" in capsys.readouterr().out
    page = (tmp_path / "out" / "measure.html").read_text()
    assert f"mmcollapse measure {made}" in page

    from benchmarks.reporting.pages import measured as pages

    def broken(*_: object, **__: object) -> str:
        raise RuntimeError("no templates here")

    monkeypatch.setattr(pages, "rendered", broken)
    assert main(["measure", str(made), "--out", str(tmp_path / "none")]) == 0
    said = capsys.readouterr()
    assert said.err.count("note: there is no page (RuntimeError: no templates here)") == 1
    assert "measure.html" not in said.out
    assert (tmp_path / "none" / "measure.json").is_file()

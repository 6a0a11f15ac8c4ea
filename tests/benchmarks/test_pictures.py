"""Grids keep every pixel, labels stay inside, tables survive hostile captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.reporting.pictures import caption_table, image_grid, made_of, thumbnails, write_grid


def rows(count: int = 2, k: int = 3, size: int = 32) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (k, size, size, 3), dtype=np.uint8) for _ in range(count)]


def test_grid_holds_every_image_enlarged_without_smoothing():
    pictures = rows()
    grid = np.asarray(image_grid(pictures, ["iteration 0", "iteration 10"], ["a red circle"] * 3, scale=2))
    tile = np.repeat(np.repeat(pictures[1][2], 2, axis=0), 2, axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(grid, tile.shape)[:, :, 0]
    corner = np.argwhere((windows[:, :, 0, 0] == tile[0, 0]).all(-1))
    assert any((grid[y : y + 64, x : x + 64] == tile).all() for y, x in corner)


def test_grid_is_deterministic_and_grows_with_its_labels():
    bare = image_grid(rows(), ["0", "1"])
    labelled = image_grid(rows(), ["iteration 0", "1"], ["a small blue square left of a large ring"] * 3)
    assert labelled.width > bare.width
    assert labelled.height > bare.height
    assert bare.tobytes() == image_grid(rows(), ["0", "1"]).tobytes()
    assert isinstance(bare, Image.Image)


def test_grid_allows_uneven_rows_and_refuses_what_it_cannot_draw():
    image_grid([rows(1, 4)[0], rows(1, 2)[0]], ["0", "1"])
    for bad_rows, labels in (([], []), (rows(), ["0"]), ([rows()[0], rows(size=16)[0]], ["0", "1"])):
        with pytest.raises(ValueError, match="image_grid needs"):
            image_grid(bad_rows, labels)
    with pytest.raises(ValueError, match="uint8"):
        image_grid([rows()[0].astype(np.float32)], ["0"])


def test_caption_table():
    text = caption_table({1: ["a | b", ""], 0: ["line\nbreak", "<b>"]}, ["ref one", "ref two"], marked={1})
    assert text.splitlines() == [
        "| # | reference | iteration 0 | iteration 1 |",
        "| ---: | :--- | :--- | :--- |",
        "| 0 | ref one | line break | ~~line break~~ **a \\| b** |",
        "| 1\\* | ref two | &lt;b&gt; | *(empty)* |",
    ]
    assert caption_table({0: ["x"]}).splitlines()[0] == "| # | iteration 0 |"
    with pytest.raises(ValueError, match="as many captions"):
        caption_table({0: ["x"], 1: []})


def test_a_grid_of_large_pictures_stays_small(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (10, 300, 300, 3)).astype(np.uint8)
    tiles = [thumbnails(noise)] * 11
    assert tiles[0].shape == (10, 256, 256, 3)
    write_grid(tmp_path / "grid.png", tiles, [f"t = {t}" for t in range(11)], ["a prompt"] * 10)
    assert 500_000 < (tmp_path / "grid.png").stat().st_size <= 2_000_000


def test_a_grid_of_small_pictures_is_enlarged_as_it_was(tmp_path: Path) -> None:
    rows = [np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)]
    write_grid(tmp_path / "grid.png", [thumbnails(row) for row in rows], ["t = 0"], ["a", "b"])
    image_grid(rows, ["t = 0"], ["a", "b"], 3).save(tmp_path / "before.png")
    assert (
        np.asarray(Image.open(tmp_path / "grid.png")).tolist()
        == np.asarray(Image.open(tmp_path / "before.png")).tolist()
    )


def test_words_that_came_and_went_are_marked():
    text = caption_table({0: ["a small red circle"], 1: ["a red circle"], 2: ["a small blue *circle*"]})
    assert text.splitlines()[2] == (
        "| 0 | a small red circle | a ~~small~~ red circle | a small ~~red circle~~ **blue \\*circle\\*** |"
    )


def test_a_grid_says_what_it_is_of_and_marks_columns(tmp_path: Path) -> None:
    pictures = rows(2, 3, 32)
    plain, marked = (
        image_grid(pictures, ["0", "1"], ["a ring"] * 3, title="joint/none, seed 0", marked=of) for of in ((), {1})
    )
    assert plain.size == marked.size
    assert plain.height > image_grid(pictures, ["0", "1"], ["a ring"] * 3).height
    differ = np.argwhere((np.asarray(plain) != np.asarray(marked)).any(-1))
    assert len(differ)
    write_grid(tmp_path / "grid.png", pictures, ["0", "1"], of="f00")
    assert made_of(tmp_path / "grid.png") == "f00"
    assert made_of(tmp_path / "none.png") == ""
    (tmp_path / "captions.md").write_text("# a table\n\n<!-- cell f00 -->\n")
    assert made_of(tmp_path / "captions.md") == "f00"

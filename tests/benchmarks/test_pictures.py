"""Grids keep every pixel, labels stay inside, tables survive hostile captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.reporting.pictures import caption_table, image_grid, thumbnails, write_grid


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
    text = caption_table({1: ["a | b", ""], 0: ["line\nbreak", "<b>"]}, ["ref one", "ref two"])
    assert text.splitlines() == [
        "| # | reference | iteration 0 | iteration 1 |",
        "| ---: | :--- | :--- | :--- |",
        "| 0 | ref one | line break | a \\| b |",
        "| 1 | ref two | &lt;b> | *(empty)* |",
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
    assert (tmp_path / "grid.png").read_bytes() == (tmp_path / "before.png").read_bytes()

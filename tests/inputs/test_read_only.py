"""Places that cannot be written: told before the work, and what was found is printed before it is written."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands import main as commands
from benchmarks.planning.planner import make_plan
from benchmarks.reporting.boards import make_board, write_board
from datamodules import check
from datamodules.imagefolder import ImageFolder
from datamodules.listed import EXCLUDED
from leaderboard.overview import terminal
from tests.datamodules import conftest as make
from tests.datamodules.test_listed import write_bed
from tests.engine.conftest import write_suite


def refusing(monkeypatch: pytest.MonkeyPatch, code: int, when: Callable[[Path], bool]) -> None:
    """Let no file be written at some places, as on a disk that is read-only or full."""
    real = Path.open

    def opened(self: Path, mode: str = "r", *more: Any, **options: Any) -> Any:
        if "w" in mode and when(self):
            raise OSError(code, os.strerror(code), str(self))
        return real(self, mode, *more, **options)

    monkeypatch.setattr(Path, "open", opened)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of pictures of which one has no file, and one none that can be read."""
    make.write_imagefolder(tmp_path / "data")
    return tmp_path / "data"


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EPERM])
def test_a_place_that_cannot_be_written_is_told_before_pictures_are_looked_at(
    code: int, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bed = write_bed(tmp_path, ImageFolder, data)
    refusing(monkeypatch, code, lambda path: data in path.parents)
    monkeypatch.setattr(check, "inspect", lambda *_, **__: pytest.fail("looked at pictures first"))
    assert check.main([str(bed), "--decode", "--write"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {data / EXCLUDED}: cannot be written ({os.strerror(code)}); allowed: ")
    assert "`excluded:`" in said
    assert said.count("\n") == 1
    assert len(said.replace(str(tmp_path), "")) < 300


def test_a_folder_or_a_file_in_the_way_is_told_first(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    for place in (data / "a", tmp_path / "file" / "out.jsonl"):
        bed = write_bed(tmp_path, ImageFolder, data, excluded=str(place))
        assert check.main([str(bed), "--write"]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("error: ")
        assert str(place) in said.err
        assert said.err.count("\n") == 1


def test_what_is_left_out_may_be_written_elsewhere(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "new" / "left_out.jsonl"
    arguments: dict[str, Any] = {"max_pixels": make.MAX_PIXELS, "excluded": str(place)}
    bed = write_bed(tmp_path, ImageFolder, data, **arguments)
    refusing(monkeypatch, errno.EROFS, lambda path: data in path.parents)
    before = sorted(data.rglob("*"))
    assert check.main([str(bed), "--decode", "--write"]) == 0
    assert f"wrote {place}" in capsys.readouterr().out
    assert sorted(data.rglob("*")) == before
    elsewhere = ImageFolder(str(data), {}, **arguments)
    assert len(elsewhere.excluded()) == 6
    assert not any("never checked" in note for note in elsewhere.notes())
    monkeypatch.undo()
    (data / EXCLUDED).write_bytes(place.read_bytes())
    beside = ImageFolder(str(data), {})
    assert beside.found_digest == elsewhere.found_digest  # where it lies is not part of the identity
    assert beside.identity == elsewhere.identity


def test_a_disk_that_fills_up_takes_away_nothing_that_was_found(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bed = write_bed(tmp_path, ImageFolder, data, max_pixels=make.MAX_PIXELS)
    refusing(monkeypatch, errno.ENOSPC, lambda path: path.name.startswith(f".{EXCLUDED}.") and ".try" not in path.name)
    assert check.main([str(bed), "--decode", "--write"]) == 2
    said = capsys.readouterr()
    assert "broken_image " in said.out
    lines = [json.loads(line) for line in said.out.split("\n") if line.startswith("{")]
    assert {"id": "b/text.jpg", "reason": "broken_image"} in lines
    last = said.err.strip().split("\n")[-1]
    assert last.startswith(f"error: {data / EXCLUDED}: cannot be written (No space left on device); allowed: ")
    assert not (data / EXCLUDED).exists()
    assert not list(data.glob(".*"))


# -- boards and tables ---------------------------------------------------------------------------------------------


def test_a_board_is_printed_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suite, runs = write_suite(tmp_path, seeds=[0], iterations=1), tmp_path / "runs"
    refusing(monkeypatch, errno.ENOSPC, lambda path: "leaderboard.md" in path.name)
    plan = make_plan(str(suite))
    board = make_board(plan, runs / "small" / "results")
    with pytest.raises(OSError, match="No space left"):
        write_board(plan, board, runs / "small")
    assert "single_model_generator" in terminal(board)
    assert commands.main(["table", str(suite), "--runs", str(runs)]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("small: 1 seed\n\nNo row is complete")
    assert commands.main(["table", str(suite), "--runs", str(runs), "--full"]) == 1
    said = capsys.readouterr()
    assert said.out == terminal(board)
    assert said.err == f"error: {runs / 'small' / 'leaderboard.md'}: No space left on device\n"

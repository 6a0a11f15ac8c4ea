"""Result files that must not be lost: to a passing error, to a newer version, to another run that fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from benchmarks.running.sound import set_results_aside
from records import files, results
from records.files import write_new
from records.results import CellError, CellResult, NewerResult, UnreadResult, read_result
from tests.benchmarks.test_results import example

FAILED = example(status="failed", error=CellError("fit", 1, "loss is NaN"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return example().write(tmp_path / "results" / example().file_name)


@pytest.fixture
def stale(file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that a network file system does not hand out just now."""
    plain = Path.read_text

    def read(self: Path, *given: Any, **more: Any) -> str:
        if self == file:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(file))
        return plain(self, *given, **more)

    monkeypatch.setattr(Path, "read_text", read)
    return file


def test_a_file_that_cannot_be_read_just_now_stays_where_it_is(stale: Path) -> None:
    before = stale.read_bytes()
    (said,) = set_results_aside(stale.parent)
    assert said.startswith(f"{stale}: cannot be read, ")
    assert said.endswith("; left as it is")
    assert [path.name for path in stale.parent.iterdir()] == [stale.name]
    assert FAILED.settle(stale) == FAILED  # which does not take the place of what nobody could look at
    assert stale.read_bytes() == before
    with pytest.raises(UnreadResult):
        read_result(stale)


def test_a_file_of_a_newer_version_is_refused_and_stays(file: Path) -> None:
    text = file.read_text().replace('"schema": 2', '"schema": 99')
    file.write_text(text)
    with pytest.raises(NewerResult, match=r"schema 99 is newer than 2, .* update first"):
        list(set_results_aside(file.parent))
    for result in (example(), FAILED):
        assert result.settle(file) == result
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert file.read_text() == text


def test_a_second_damaged_file_does_not_take_the_place_of_the_first(file: Path) -> None:
    for number, text in enumerate(("{", "[", "(")):
        file.write_text(text)
        name = f"{file.name}.damaged{f'-{number}' if number else ''}"
        (said,) = set_results_aside(file.parent)
        assert f"renamed to {name}, and made again" in said
        assert (file.parent / name).read_text() == text
    assert not file.exists()


def test_what_another_run_has_renamed_meanwhile_is_not_spoken_of(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("{")
    plain = os.rename

    def late(old: Path, new: Path) -> None:
        old.unlink()
        plain(old, new)

    monkeypatch.setattr(os, "rename", late)
    assert list(set_results_aside(file.parent)) == []


def test_a_failure_does_not_replace_what_another_run_completes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, looked = tmp_path / "results" / example().file_name, []
    plain = results.read_result

    def read(file: Path) -> CellResult:
        looked.append(file)
        try:
            return plain(file)
        finally:
            if len(looked) == 1:  # just after this run has seen that there is none
                example().write(path)

    monkeypatch.setattr(results, "read_result", read)
    assert FAILED.settle(path) == FAILED
    assert plain(path) == example()


@pytest.mark.parametrize("links", [True, False])
def test_a_file_is_written_where_there_is_none(links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if not links:
        monkeypatch.setattr(files.os, "link", refuse)
    path = tmp_path / "folder" / "file.json"
    assert write_new(path, "one")
    assert not write_new(path, "two")
    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]
    assert FAILED.settle(tmp_path / "results" / FAILED.file_name) == FAILED
    assert read_result(tmp_path / "results" / FAILED.file_name) == FAILED

"""Tables as text: a quote that is not closed, tabs, a first line that cannot be read."""

from __future__ import annotations

from pathlib import Path

from datamodules.layouts import open_set
from tests.datamodules.conftest import plain, put


def rows_of(file: Path, text: str) -> tuple[list[tuple[str, ...]], dict[str, int]]:
    file.write_text(text)
    found = open_set(file, "captions")
    return [item.captions for item in found.items()], found.counts


def test_a_quote_that_is_not_closed_costs_a_line_and_one_that_is_may_go_over_several(tmp_path: Path) -> None:
    many = [f"{i},plain {i}" for i in range(1000)]
    many[2] = '2,"never closed'
    captions, counts = rows_of(tmp_path / "a.csv", "\n".join(["id,caption", *many]))
    assert (len(captions), counts) == (999, {"unreadable line": 1})
    many[700] = '700,"neither is this'
    captions, counts = rows_of(tmp_path / "a.csv", "\n".join(["id,caption", *many]))
    assert (len(captions), counts) == (998, {"unreadable line": 2})
    captions, counts = rows_of(tmp_path / "b.csv", 'id,caption\n1,"two\nlines, and ""quotes"""\n2,one\n')
    assert (captions, counts) == ([('two\nlines, and "quotes"',), ("one",)], {})


def test_tables_with_tabs_are_read_with_quotes_and_without(tmp_path: Path) -> None:
    """Conceptual Captions and the like quote nothing; pandas quotes what holds a quote or a line feed."""
    lines = [f"u{i}\tplain {i}" for i in range(600)]
    for i in (5, 200, 400):
        lines[i] = f'u{i}\t"He came, he saw'
    captions, counts = rows_of(tmp_path / "a.tsv", "\n".join(["id\tcaption", *lines]))
    assert (len(captions), counts) == (600, {})
    assert captions[5] == ('"He came, he saw',)
    quoted = 'id\tcaption\n1\t"said ""hi"" there"\n2\t"two\nlines"\n3\tthree\n'
    assert rows_of(tmp_path / "b.tsv", quoted) == ([('said "hi" there',), ("two\nlines",), ("three",)], {})


def test_a_list_without_a_head_that_can_be_read_is_counted_as_such(tmp_path: Path) -> None:
    put(tmp_path, {f"{name}.jpg": plain(1) for name in "ab"})
    (tmp_path / "1.csv").write_text("path,caption\na.jpg,one\n")
    (tmp_path / "2.csv").write_text('"pa"th,caption\nb.jpg,two\n')
    found = open_set(tmp_path)
    assert [item.captions for item in found.items()] == [("one",)]
    assert found.counts == {"in no list": 1, "unreadable file": 1}

"""What enters a model's digest, and when its files are read again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lightning_modules.weights import cards


def test_files_that_count(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / "linked").symlink_to(outside)
    before = cards.digest(folder)
    for name in (".gitattributes", "README.md", "LICENSE.txt", "teaser.PNG", "card.json", "notes.md",
                 ".ipynb_checkpoints/config.json", "sub/.config.json.swp", ".cache/huggingface/x.json"):  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text("for people, or hidden")
        assert cards.digest(folder) == before, name
    for name in ("spiece.model", "merges.txt", "vocab.txt", "vocab.json", "chat_template.jinja", "sub/config.json",
                 "pytorch_model.bin", "generation_config.json", "scheduler/scheduler_config.json", "tokenizer.json",
                 "preprocessor_config.json", "1_Pooling/config.json", "adapter/adapter_config.json",
                 "linked/config.json", "custom.py"):  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text("one")
        assert (found := cards.digest(folder)) != before, name
        (folder / name).write_text("two")
        assert cards.digest(folder) != found, name
        before = cards.digest(folder)


@pytest.mark.parametrize("large", [False, True])
def test_an_edit_that_keeps_size_and_time_is_seen(large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "MEMORY", tmp_path / "memory")
    monkeypatch.setattr(cards, "LARGE", 0 if large else cards.LARGE)
    monkeypatch.setattr(cards, "SETTLED", 0)  # as if every file had lain there for long
    (tmp_path / "there").mkdir()
    file, link = tmp_path / "there" / "model.safetensors", tmp_path / "folder" / "model.safetensors"
    link.parent.mkdir()
    link.symlink_to(file)
    file.write_bytes(b"one")
    os.utime(file, ns=(0, 0))
    before = cards.digest(link.parent)
    assert cards.digest(link.parent) == before
    file.write_bytes(b"two")  # another text in the same place
    os.utime(file, ns=(0, 0))
    edited = cards.digest(link.parent)
    assert edited != before
    other = file.with_name("other")
    other.write_bytes(b"six")  # another file under the same name
    os.utime(other, ns=(0, 0))
    other.replace(file)
    assert cards.digest(link.parent) not in (before, edited)


def test_a_file_that_was_just_written_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "_mark", lambda state: (state.st_size, 2**63))  # a clock that has not moved on
    (tmp_path / "config.json").write_text("one")
    before = cards.digest(tmp_path)
    (tmp_path / "config.json").write_text("two")
    assert cards.digest(tmp_path) != before


def test_links_in_circles_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.json").write_text("{}")
    before = cards.digest(tmp_path)
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    assert cards.digest(tmp_path) == before


@pytest.mark.parametrize("held", ["", "0c8", "z" * 64, b"\xff\xfe"])
def test_a_remembered_digest_that_was_cut_is_made_again(
    held: str | bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that loses its power leaves files of no bytes; a model would be another one from then on."""
    monkeypatch.setattr(cards, "MEMORY", tmp_path / "memory")
    monkeypatch.setattr(cards, "LARGE", 0)
    monkeypatch.setattr(cards, "SETTLED", 0)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "model.safetensors").write_bytes(b"weights")
    before = cards.digest(tmp_path / "folder")
    (remembered,) = (tmp_path / "memory").iterdir()
    remembered.write_bytes(held if isinstance(held, bytes) else held.encode())
    monkeypatch.setattr(cards, "_known", {})
    assert cards.digest(tmp_path / "folder") == before
    assert len(remembered.read_text()) == 64

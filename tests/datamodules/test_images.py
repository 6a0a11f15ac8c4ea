"""Pictures that are decoded as they are asked for: what they are, what they share, and what is never decoded."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, load_dataset

from datamodules import pairs_file, png
from datamodules.images import OPEN, Elsewhere, Images, OfData, joined
from datamodules.pairs import Pairs
from tests.datamodules.test_pairs import FULL, make, same


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Pairs, Pairs]:
    """Return pairs in memory, and the same as a folder holds them."""
    pairs = make(7, **{name: np.resize(values, 7) for name, values in FULL.items() if name in ("weights", "seeds")})
    pairs.save(tmp_path / "first")
    png.forget_counts()
    return pairs, Pairs.load(tmp_path / "first")


INDICES = {
    "one": 2,
    "the last": -1,
    "a slice": slice(1, 6, 2),
    "backwards": slice(None, None, -1),
    "a list": [3, 0, 3],
    "a mask": np.arange(7) % 2 == 0,
    "none": slice(0, 0),
    "a window": (slice(1, 3), slice(2, 4), slice(None), 0),
    "a pixel": (4, 1, 2),
    "all": ...,
    "a new axis": None,
    "two lists": ([0, 1], [2, 3]),
}


@pytest.mark.parametrize("name", INDICES)
def test_an_index_gives_what_the_array_gives(name: str, stored: tuple[Pairs, Pairs]) -> None:
    array, lazy = (pairs.images[INDICES[name]] for pairs in stored)
    assert lazy.dtype == np.uint8
    np.testing.assert_array_equal(lazy, array)


def test_it_computes_as_the_array_does(stored: tuple[Pairs, Pairs]) -> None:
    array, lazy = stored[0].images, stored[1].images
    assert (lazy.shape, lazy.dtype, lazy.ndim, lazy.nbytes, len(lazy)) == (array.shape, array.dtype, 4, array.nbytes, 7)
    np.testing.assert_array_equal(lazy / 255, array / 255)
    np.testing.assert_array_equal(1 - lazy, 1 - array)
    assert (lazy == array).all()
    assert lazy.mean() == array.mean()
    np.testing.assert_array_equal(lazy.astype(np.float32).sum(axis=0), array.astype(np.float32).sum(axis=0))
    np.testing.assert_array_equal(np.concatenate([lazy, array]), np.concatenate([array, array]))
    for one, other in zip(lazy, array, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(IndexError):
        lazy[7]
    with pytest.raises(AttributeError, match="no 'colour'"):
        lazy.colour  # noqa: B018


def test_written_to_it_is_an_array_of_its_own(stored: tuple[Pairs, Pairs], tmp_path: Path) -> None:
    pairs = stored[1]
    other = pairs.take(range(7))
    pairs.images[2:4] = 9
    assert (pairs.images[2:4] == 9).all()
    same(other, stored[0])
    same(Pairs.load(tmp_path / "first"), stored[0])
    pairs.save(tmp_path / "changed")
    same(Pairs.load(tmp_path / "changed"), pairs)
    with pytest.raises(ValueError, match="read-only"):
        other.images.readonly()[0] = 0


def test_choosing_and_joining_decode_nothing(stored: tuple[Pairs, Pairs], tmp_path: Path) -> None:
    array, lazy = stored
    fresh = make(3, 50)

    def chosen(pairs: Pairs) -> Pairs:
        mixed = Pairs.concat([pairs.take([5, 1, 1]), fresh, pairs.take(np.arange(7) > 2)])
        return mixed.with_(captions=[text.upper() for text in mixed.captions])

    pairs = chosen(lazy)
    pairs.save(tmp_path / "mixed")
    assert png.counted() == {"encoded": 3, "decoded": 0}  # those that were in memory
    same(Pairs.load(tmp_path / "mixed"), chosen(array))
    again = Pairs.load(tmp_path / "mixed")
    again.take([8, 0]).save(tmp_path / "few")
    same(Pairs.load(tmp_path / "few"), chosen(array).take([8, 0]))


def test_pictures_outlast_the_folder_that_held_them_first(stored: tuple[Pairs, Pairs], tmp_path: Path) -> None:
    array, lazy = stored
    lazy.with_(captions=["new"] * 7).save(tmp_path / "second")
    held, link = tmp_path / "first" / "pairs.parquet", tmp_path / "second" / "pictures-0.pq"
    assert held.stat().st_ino == link.stat().st_ino  # no byte is written again
    for file in (tmp_path / "first").iterdir():
        file.unlink()
    same(Pairs.load(tmp_path / "second"), array.with_(captions=["new"] * 7))


def test_without_links_files_are_copied(
    stored: tuple[Pairs, Pairs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refused)
    stored[1].with_(captions=["new"] * 7).save(tmp_path / "second")
    assert (tmp_path / "second" / "pictures-0.pq").stat().st_nlink == 1
    same(Pairs.load(tmp_path / "second"), stored[0].with_(captions=["new"] * 7))


def test_equal_pairs_are_the_same_file(stored: tuple[Pairs, Pairs], tmp_path: Path) -> None:
    stored[1].take(range(7)).save(tmp_path / "second")
    assert (tmp_path / "second" / "pairs.parquet").stat().st_nlink == 2
    same(Pairs.load(tmp_path / "second"), stored[0])
    assert png.counted()["encoded"] == 0


def test_few_pictures_do_not_hold_on_to_a_large_file(stored: tuple[Pairs, Pairs], tmp_path: Path) -> None:
    stored[1].take([6, 2]).save(tmp_path / "few")
    assert png.counted() == {"encoded": 0, "decoded": 0}
    assert (tmp_path / "first" / "pairs.parquet").stat().st_nlink == 1
    same(Pairs.load(tmp_path / "few"), stored[0].take([6, 2]))


@pytest.mark.parametrize("group", [1, 2 * 8 * 8 * 3, 2**20])
def test_one_picture_costs_one_decode(group: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs_file, "_GROUP", group)
    pairs = make(5)
    pairs.save(tmp_path)
    png.forget_counts()
    lazy = Pairs.load(tmp_path)
    np.testing.assert_array_equal(lazy.images[3], pairs.images[3])
    np.testing.assert_array_equal(lazy.images[[4, 3, 0]], pairs.images[[4, 3, 0]])
    assert png.counted()["decoded"] == 4


def test_a_file_is_checked_before_its_first_picture(stored: tuple[Pairs, Pairs], tmp_path: Path) -> None:
    asked: list[str] = []
    pairs = Pairs.load(tmp_path / "first", asked.append)
    assert Pairs.deferred(tmp_path / "first") == {"pairs.parquet"}
    assert pairs.captions == stored[0].captions
    assert asked == []
    pairs.images[0], pairs.images[1]
    assert asked == ["pairs.parquet"]


def test_folders_of_former_versions_are_read(stored: tuple[Pairs, Pairs], tmp_path: Path) -> None:
    (tmp_path / "first" / "fields.pq").unlink()  # they held one file
    assert Pairs.deferred(tmp_path / "first") == set()
    same(Pairs.load(tmp_path / "first"), stored[0])


def test_an_exported_file_opens_with_datasets(stored: tuple[Pairs, Pairs], tmp_path: Path) -> None:
    pairs = stored[1].with_(captions=["new"] * 7)
    pairs.save(tmp_path / "second")
    Pairs.load(tmp_path / "second").export(tmp_path / "out.parquet")
    assert png.counted()["encoded"] == 0
    rows = Dataset.from_parquet(str(tmp_path / "out.parquet"), cache_dir=str(tmp_path / "cache"))
    np.testing.assert_array_equal(np.stack([np.asarray(image) for image in rows["image"]]), stored[0].images)
    assert set(rows["caption"]) == {"new"}
    linked = load_dataset(str(tmp_path / "second"), cache_dir=str(tmp_path / "cache"))["train"]
    assert set(linked["caption"]) == {"new"}
    assert set(linked["image"]) == {None}


class Data:
    """Two pictures of one colour each."""

    def images(self, split: str, index: np.ndarray) -> np.ndarray:
        assert split == "floor"
        return np.repeat(np.asarray(index, np.uint8) * 100, 2 * 2 * 3).reshape(-1, 2, 2, 3)


def test_pictures_of_a_data_set_are_looked_up_there(tmp_path: Path) -> None:
    lazy = Images.of(OfData(Data(), "floor"), (2, 2, 3), np.array([1, 0, 1]))
    np.testing.assert_array_equal(lazy[1:], Data().images("floor", np.array([0, 1])))
    assert lazy.names()[0] == lazy.names()[2] != lazy.names()[1]
    pairs = make(3, images=lazy)
    pairs.save(tmp_path / "kept")
    same(Pairs.load(tmp_path / "kept"), make(3, images=np.asarray(lazy)))


def test_pictures_that_are_elsewhere_are_not_kept(tmp_path: Path) -> None:
    pairs = make(3, images=Images.of(Elsewhere(), (2, 2, 3), np.arange(3)))
    pairs.save(tmp_path)
    back = Pairs.load(tmp_path)
    assert back.captions == pairs.captions
    assert back.images.shape == (3, 2, 2, 3)
    assert pq.read_table(tmp_path / "pairs.parquet").column("image").null_count == 3
    with pytest.raises(ValueError, match="ask the data set"):
        back.images[0]


def test_few_files_are_open_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr(pairs_file, "Groups", lambda file, kind=pairs_file.Groups: opened.append(file) or kind(file))
    folders = [tmp_path / str(i) for i in range(OPEN + 2)]
    for i, folder in enumerate(folders):
        make(2, 2 * i).save(folder)
    asked: list[str] = []
    parts = [Pairs.load(folder, asked.append) for folder in folders]
    lazy, whole = Pairs.concat(parts), Pairs.concat([make(2, 2 * i) for i in range(OPEN + 2)])
    for _ in range(2):
        np.testing.assert_array_equal(lazy.images, whole.images)
    assert sum(source._groups is not None for source in lazy.images.sources) == OPEN
    assert len(opened) > len(folders)  # the first ones were closed, and opened again
    assert len(asked) == len(folders)  # and compared with their manifest once


def test_one_part_joined_is_that_part() -> None:
    array = np.zeros((2, 2, 2, 3), np.uint8)
    assert joined([array]) is array

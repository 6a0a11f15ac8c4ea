import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, Image, load_dataset
from PIL import Image as Pillow

from datamodules import pairs_file
from datamodules.pairs import Pairs


def make(n=5, start=0, **changes):
    rng = np.random.default_rng(start)
    fields = {
        "ids": np.arange(start, start + n),
        "images": rng.integers(0, 256, (n, 8, 8, 3)).astype(np.uint8),
        "captions": [f"caption {i} é" for i in range(n)],
        "prompts": [""] * n,
        "origin": np.zeros(n, np.int16),
    }
    return Pairs(**{**fields, **changes})


def same(a, b):
    for name in ("ids", "images", "origin", "weights", "draw", "seeds"):
        x, y = getattr(a, name), getattr(b, name)
        assert (x is None) == (y is None), name
        if x is not None:
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)
    assert a.captions == b.captions
    assert a.prompts == b.prompts
    assert a.source == b.source


@pytest.mark.parametrize(
    "pairs",
    [
        make(),
        make(0),
        make(weights=np.array([0.1, 1 / 3, 0, 2, 1e-7]), draw=np.arange(5)),
        make(images=np.random.default_rng(0).normal(size=5)),
        make(0, images=np.zeros(0)),
        make(source=["sdxl@1", "", "é", "b", "sdxl + git"], seeds=np.array([0, 1, 2**63, 2**64 - 1, 7], np.uint64)),
        make(images=np.zeros((5, 3, 7, 3), np.uint8), ids=np.array([-1, 2**62, 0, 0, 5])),
    ],
    ids=["plain", "empty", "weighted", "analytic", "analytic-empty", "provenance", "oblong"],
)
def test_save_and_load_are_exact(pairs, tmp_path):
    pairs.save(tmp_path / "new" / "folder")
    same(pairs, Pairs.load(tmp_path / "new" / "folder"))


def test_row_groups_change_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(pairs_file, "_GROUP", 8 * 8 * 3 * 2)
    make().save(tmp_path)
    assert pq.ParquetFile(tmp_path / "pairs.parquet").num_row_groups == 3
    same(make(), Pairs.load(tmp_path))


FULL = {
    "weights": np.array([1, 0.5, 0, 2, 1]),
    "draw": np.arange(5),
    "source": ["sdxl@12"] * 5,
    "seeds": np.array([2**64 - 1, 1, 2, 3, 4], np.uint64),
    "origin": np.full(5, 2),
    "prompts": ["a prompt"] * 5,
}


@pytest.mark.parametrize("way", ["from_parquet", "load_dataset", "folder"])
def test_datasets_opens_the_file_as_it_is(way, tmp_path):
    pairs = make(**FULL)
    pairs.save(tmp_path / "value")
    file, cache = str(tmp_path / "value" / "pairs.parquet"), str(tmp_path / "cache")
    if way == "from_parquet":
        rows = Dataset.from_parquet(file, cache_dir=cache)
    elif way == "load_dataset":
        rows = load_dataset("parquet", data_files=file, cache_dir=cache)["train"]
    else:
        rows = load_dataset(str(tmp_path / "value"), cache_dir=cache)["train"]
    assert isinstance(rows.features["image"], Image)
    np.testing.assert_array_equal(np.stack([np.asarray(image) for image in rows["image"]]), pairs.images)
    assert tuple(rows["caption"]) == pairs.captions
    assert tuple(rows["prompt"]) == pairs.prompts
    assert tuple(rows["source"]) == pairs.source
    for column, name in (
        ("id", "ids"),
        ("seed", "seeds"),
        ("iteration", "origin"),
        ("draw", "draw"),
        ("weight", "weights"),
    ):
        assert rows.features[column].dtype == str(getattr(pairs, name).dtype)
        assert list(rows[column]) == getattr(pairs, name).tolist()


def test_what_datasets_writes_again_is_still_the_same_images(tmp_path):
    pairs = make(**FULL)
    pairs.save(tmp_path)
    Dataset.from_parquet(str(tmp_path / "pairs.parquet"), cache_dir=str(tmp_path / "cache")).to_parquet(
        tmp_path / "again.parquet"
    )
    cells = pq.read_table(tmp_path / "again.parquet").column("image").to_pylist()
    for cell, image in zip(cells, pairs.images, strict=True):
        np.testing.assert_array_equal(np.asarray(Pillow.open(io.BytesIO(cell["bytes"]))), image)


def test_equal_pairs_are_equal_files(tmp_path):
    for name in "ab":
        make(**FULL).save(tmp_path / name)
    assert (tmp_path / "a" / "pairs.parquet").read_bytes() == (tmp_path / "b" / "pairs.parquet").read_bytes()


def test_analytic_images_are_a_plain_column(tmp_path):
    make(images=np.arange(5) / 3).save(tmp_path)
    column = pq.read_table(tmp_path / "pairs.parquet").column("image")
    assert column.type == pa.float64()
    assert column.to_pylist() == [i / 3 for i in range(5)]


def test_a_missing_or_foreign_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"pairs\.parquet"):
        Pairs.load(tmp_path)
    pq.write_table(pa.table({"image": [1.0]}), tmp_path / "pairs.parquet")
    with pytest.raises(ValueError, match="written by Pairs"):
        Pairs.load(tmp_path)


def test_take_and_concat_keep_rows_together():
    pairs = make(weights=np.arange(5.0), draw=np.arange(5))
    same(pairs.take([3, 1]), Pairs.concat([pairs.take([3]), pairs.take([1])]))
    same(pairs.take(pairs.weights > 2), pairs.take([3, 4]))
    assert pairs.take([-1]).captions == (pairs.captions[4],)
    assert len(pairs.take([])) == 0


def test_concat_fills_missing_weights_and_draws():
    joined = Pairs.concat([make(2, weights=[2.0, 3.0], draw=[1, 2]), make(1, 10)])
    assert joined.weights.tolist() == [2, 3, 1]
    assert joined.draw.tolist() == [1, 2, 0]
    assert joined.ids.tolist() == [0, 1, 10]
    assert Pairs.concat([make(2), make(1)]).weights is None


def test_concat_and_take_keep_provenance():
    joined = Pairs.concat([make(2, source=["a", "b"], seeds=[5, 6]), make(1)])
    assert joined.source == ("a", "b", "")
    assert joined.seeds.tolist() == [5, 6, 0]
    assert joined.take([1]).source == ("b",)
    assert joined.take([1]).seeds.tolist() == [6]
    assert Pairs.concat([make(2), make(1)]).source is None


def test_with_replaces_and_checks():
    pairs = make()
    assert pairs.with_(captions=["x"] * 5).captions == ("x",) * 5
    assert pairs.captions[0] == "caption 0 é"
    with pytest.raises(ValueError, match="captions"):
        pairs.with_(captions=["x"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": np.arange(4)}, "ids"),
        ({"ids": np.arange(5) + 0.5}, "ids"),
        ({"ids": np.zeros((5, 1))}, "ids"),
        ({"origin": np.full(5, 70_000)}, "origin"),
        ({"prompts": []}, "prompts"),
        ({"source": ["a"]}, "source"),
        ({"seeds": np.arange(5) - 1}, "seeds"),
        ({"images": np.zeros((5, 8, 8, 3))}, "images"),
        ({"images": np.zeros((5, 8, 8), np.uint8)}, "images"),
        ({"weights": np.array([1, 1, np.nan, 1, 1])}, "weights"),
        ({"weights": -np.ones(5)}, "weights"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_concat_refuses_nothing_and_unlike_images():
    with pytest.raises(ValueError, match="at least one"):
        Pairs.concat([])
    with pytest.raises(ValueError, match="shape"):
        Pairs.concat([make(), make(images=np.zeros((5, 4, 4, 3), np.uint8))])


def test_weights_are_kept_where_a_file_holds_the_same_pairs_without_them(tmp_path):
    """What the simplest method of weights does with a pool that lies in a file."""
    pairs = make(6)
    pairs.save(tmp_path / "pool")
    weighted = Pairs.load(tmp_path / "pool").with_(weights=np.arange(6, dtype=np.float32))
    weighted.save(tmp_path / "weighted")
    assert Pairs.load(tmp_path / "weighted").weights.tolist() == [0, 1, 2, 3, 4, 5]

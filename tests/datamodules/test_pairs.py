import json

import numpy as np
import pytest

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
    for name in ("ids", "images", "origin", "weights", "draw"):
        x, y = getattr(a, name), getattr(b, name)
        assert (x is None) == (y is None), name
        if x is not None:
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)
    assert a.captions == b.captions
    assert a.prompts == b.prompts


@pytest.mark.parametrize(
    "pairs",
    [
        make(),
        make(0),
        make(weights=np.array([0.1, 1 / 3, 0, 2, 1e-7]), draw=np.arange(5)),
        make(images=np.random.default_rng(0).normal(size=5)),
    ],
    ids=["plain", "empty", "weighted", "analytic"],
)
def test_save_and_load_are_exact(pairs, tmp_path):
    pairs.save(tmp_path / "new" / "folder")
    same(pairs, Pairs.load(tmp_path / "new" / "folder"))


def test_files_are_plain(tmp_path):
    make().save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images.npy", "pairs.json"]
    assert json.loads((tmp_path / "pairs.json").read_text())["ids"] == [0, 1, 2, 3, 4]


def test_a_missing_file_is_an_error(tmp_path):
    make().save(tmp_path)
    (tmp_path / "images.npy").unlink()
    with pytest.raises(FileNotFoundError):
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

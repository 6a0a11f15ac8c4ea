import hashlib
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from datamodules.scenes.dataset import SIZES, Scenes
from datamodules.scenes.hashing import Draws
from datamodules.scenes.laws import Law, rarest_third, zipf
from datamodules.scenes.shapes import lay_out, make_world

DOMAINS = ("shapes", "shapes_renamed", "textures")

# Of the first 64 items of every split: the bytes of the images, then all captions.
GOLDEN = {
    "shapes": "206bb289a27e0b5d82d916a50a7606106bc7ea13fbde2fb8b355ee235558f687",
    "shapes_renamed": "ab1c87c6645601f2120c388762d847a6c295c9b0a2812fe568104b05adedf457",
    "textures": "d71d8a39db106658a783591e1b4fc55ef5f24933c5283ec8570e2f012499aef5",
}


@pytest.fixture(scope="module", params=DOMAINS)
def scenes(request):
    return Scenes(request.param)


def digest(scenes):
    sha = hashlib.sha256()
    for split in SIZES:
        index = np.arange(64)
        sha.update(scenes.images(split, index).tobytes())
        sha.update("\n".join(text for six in scenes.captions(split, index) for text in six).encode())
    return sha.hexdigest()


def test_golden_bytes(scenes):
    assert digest(scenes) == GOLDEN[scenes.domain]


def test_items_do_not_depend_on_order_or_batch(scenes):
    index = np.array([907, 3, 3, 511, 0, 512, 1023, 700])
    images = scenes.images("evaluation", index)
    captions = scenes.captions("evaluation", index)
    truth = scenes.attributes("evaluation", index)
    for row, item in enumerate(index):
        np.testing.assert_array_equal(images[row], scenes.images("evaluation", np.array([item]))[0])
        assert captions[row] == scenes.captions("evaluation", np.array([item]))[0]
        assert truth[row] == scenes.attributes("evaluation", np.array([item]))[0]
    shards = [scenes.images("evaluation", part) for part in np.array_split(np.arange(1024), 7)]
    np.testing.assert_array_equal(np.concatenate(shards), scenes.images("evaluation", np.arange(1024)))


def test_no_image_appears_twice_in_any_split(scenes):
    sizes = {split: min(size, 6_000) for split, size in SIZES.items()}
    seen = Counter()
    for split, size in sizes.items():
        seen.update(hash(image.tobytes()) for image in scenes.images(split, np.arange(size)))
    assert len(seen) == sum(sizes.values())


def test_seeds_and_domains_differ():
    index = np.arange(8)
    pictures = {Scenes(domain, seed).images("train", index).tobytes() for domain in DOMAINS for seed in range(3)}
    assert len(pictures) == 3 * len(DOMAINS)


def test_six_distinct_captions_within_the_vocabulary(scenes):
    captions = scenes.captions("train", np.arange(4_000))
    assert all(len(set(six)) == 6 for six in captions)
    assert {word for six in captions for text in six for word in text.split()} == set(scenes.vocabulary())
    assert list(scenes.vocabulary()) == sorted(set(scenes.vocabulary()))
    assert max(len(text.split()) for six in captions for text in six) <= 24
    assert not any(character.isdigit() for word in scenes.vocabulary() for character in word)


def test_image_shape_and_range(scenes):
    images = scenes.images("floor", np.arange(10))
    assert images.shape == (10, 32, 32, 3)
    assert images.dtype == np.uint8
    assert scenes.images("floor", np.array([], int)).shape == (0, 32, 32, 3)
    assert scenes.captions("floor", np.array([], int)) == []


def test_frequencies_are_those_of_the_oracle(scenes):
    truth = scenes.attributes("train", np.arange(20_000))
    for attribute, expected in scenes.oracle.frequencies().items():
        counts = Counter(value for item in truth for value in item[attribute])
        assert sum(expected.values()) == pytest.approx(1)
        assert set(counts) == set(expected)
        for value, share in expected.items():
            assert counts[value] / counts.total() == pytest.approx(share, abs=0.012), value


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("seed", range(5))
def test_every_value_has_twenty_evaluation_items(domain, seed):
    scenes = Scenes(domain, seed)
    for first in (0, 512):
        truth = scenes.attributes("evaluation", np.arange(first, first + 512))
        for attribute, expected in scenes.oracle.frequencies().items():
            counts = Counter(value for item in truth for value in set(item[attribute]))
            assert min(counts[value] for value in expected) >= 20


def test_two_colours_have_changed_their_names_and_nothing_else():
    new, index = Scenes("shapes_renamed"), np.arange(300)
    draws = Draws(0, ("shapes_renamed", "judge"), index)
    old = make_world(32)
    np.testing.assert_array_equal(new.images("judge", index), old.render(draws))
    swapped = {"red": "green", "green": "red"}
    for said, before in zip(new.captions("judge", index), old.captions(draws), strict=True):
        assert [six.split() for six in said] == [[swapped.get(w, w) for w in six.split()] for six in before]
    changed = 0
    for item, before in zip(new.attributes("judge", index), old.truth(draws), strict=True):
        assert item["colour"] == tuple(swapped.get(c, c) for c in before["colour"])
        assert {k: v for k, v in item.items() if k != "colour"} == {k: v for k, v in before.items() if k != "colour"}
        changed += item != before
    assert changed > 100
    assert new.vocabulary() == old.vocabulary()


def test_shapes_stay_inside_and_apart():
    layout = lay_out(Draws(0, ("any",), np.arange(20_000)))
    two = layout.present[:, 1]
    assert two.mean() == pytest.approx(0.4, abs=0.01)
    gap = np.maximum(abs(np.diff(layout.x)), abs(np.diff(layout.y)))[:, 0] - layout.radius.sum(1)
    assert gap[two].min() >= 1.499
    for centre in (layout.x, layout.y):
        inside = np.minimum(centre - layout.radius, 32 - centre - layout.radius)
        assert inside[layout.present].min() >= 0.749


def test_sizes_are_known_overridable_and_prefix_stable():
    short = Scenes(sizes={"train": 100})
    assert short.sizes == {**SIZES, "train": 100}
    assert Scenes().sizes == SIZES
    np.testing.assert_array_equal(short.images("train", np.arange(100)), Scenes().images("train", np.arange(100)))
    with pytest.raises(IndexError, match="0 to 99"):
        short.images("train", np.array([100]))


@pytest.mark.parametrize("size", [24, 48])
def test_other_image_sizes_show_the_same_scene(size, scenes):
    other = Scenes(scenes.domain, image_size=size)
    index = np.arange(5)
    assert other.images("train", index).shape == (5, size, size, 3)
    assert other.attributes("train", index) == scenes.attributes("train", index)
    mean, expected = (s.images("train", index).mean((1, 2)) for s in (other, scenes))
    np.testing.assert_allclose(mean, expected, atol=6)


@pytest.mark.parametrize(
    "arguments",
    [{"domain": "nothing"}, {"domain": "oracle"}, {"domain": "../x"}, {"sizes": {"test": 3}},
     {"sizes": {"train": -1}}, {"image_size": 8}],
)  # fmt: skip
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match=r"unknown|negative|image_size"):
        Scenes(**arguments)


def test_bad_items_are_refused():
    with pytest.raises(KeyError, match="unknown split"):
        Scenes().images("test", np.arange(2))
    with pytest.raises(IndexError):
        Scenes().captions("train", np.array([-1]))


def test_nothing_imports_torch():
    code = "import sys, datamodules.pairs, datamodules.scenes.dataset as d; d.Scenes().oracle; " \
        "sys.exit('torch' in sys.modules)"  # fmt: skip
    subprocess.run([sys.executable, "-c", code], check=True)


def test_splitmix_reference_values():
    from datamodules.scenes.hashing import mix

    # The first outputs of splitmix64 seeded with 0: its state advances by the golden-ratio constant.
    states = np.array([0x9E3779B97F4A7C15, 0x3C6EF372FE94F82A], np.uint64)
    assert [hex(value) for value in mix(states).tolist()] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4"]


def test_draws_are_uniform_and_lanes_independent():
    draws = Draws(7, ("x",), np.arange(40_000))
    a, b = draws.uniform("a"), draws.uniform("b", -1, 1)
    assert abs(a.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.02
    assert abs(np.corrcoef(a[1:], a[:-1])[0, 1]) < 0.02
    assert b.min() >= -1
    assert b.max() < 1
    counts = np.bincount(draws.choice("c", zipf("abcd")), minlength=4) / 40_000
    np.testing.assert_allclose(counts, zipf("abcd").probabilities, atol=0.01)


def test_laws():
    assert zipf("ab").probabilities == pytest.approx((2 / 3, 1 / 3))
    assert rarest_third({"a": 0.5, "b": 0.2, "c": 0.2, "d": 0.1}) == ("d",)
    assert rarest_third({"a": 0.4, "b": 0.2, "c": 0.2, "d": 0.1, "e": 0.1}) == ("e", "d")
    with pytest.raises(ValueError, match="sum to one"):
        Law(("a", "b"), (0.5, 0.4))
    with pytest.raises(ValueError, match="distinct"):
        Law(("a", "a"), (0.5, 0.5))

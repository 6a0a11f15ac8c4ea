import numpy as np
import pytest

from datamodules.scenes.dataset import Scenes
from datamodules.scenes.oracle import Readings, match

DOMAINS = ("shapes", "shapes_renamed", "textures")


@pytest.fixture(scope="module", params=DOMAINS)
def scenes(request):
    return Scenes(request.param)


@pytest.fixture(scope="module")
def shapes():
    return Scenes().oracle


def blurred(images, sigma, noise):
    """Softens images as an autoencoder does."""
    from scipy.ndimage import gaussian_filter

    soft = gaussian_filter(images.astype(float), (0, sigma, sigma, 0), mode="nearest")
    soft += np.random.default_rng(0).normal(0, noise * 127.5, images.shape)
    return np.rint(np.clip(soft, 0, 255)).astype(np.uint8)


def accuracy(truth, readings):
    return {attribute: (score == 1).mean() for attribute, score in match(truth, readings).items()}


def row(readings):
    return {attribute: tuple(values[0]) for attribute, values in readings.values.items()}


def test_every_caption_parses_back(scenes):
    index = np.arange(3_000)
    truth = scenes.attributes("scorer", index)
    captions = scenes.captions("scorer", index)
    for paraphrase in range(6):
        readings = scenes.oracle.read_captions([six[paraphrase] for six in captions])
        assert tuple(readings.values) == scenes.oracle.attributes
        assert all((score == 1).all() for score in match(truth, readings).values())


def test_clean_images_are_read(scenes):
    index = np.arange(1_500)
    readings = scenes.oracle.read_images(scenes.images("scorer", index))
    assert min(accuracy(scenes.attributes("scorer", index), readings).values()) >= 0.998


def test_soft_noisy_images_are_read(scenes):
    index = np.arange(500)
    soft = blurred(scenes.images("scorer", index), 0.7, 0.03)
    readings = scenes.oracle.read_images(soft)
    assert min(accuracy(scenes.attributes("scorer", index), readings).values()) >= 0.99


def test_rare_values_are_read_as_well_as_common_ones(scenes):
    index = np.arange(1_500)
    truth = scenes.attributes("judge", index)
    soft = blurred(scenes.images("judge", index), 0.5, 0.02)
    scores = match(truth, scenes.oracle.read_images(soft))
    for attribute in scenes.oracle.attributes:
        for value in scenes.oracle.tail(attribute):
            rows = [i for i, item in enumerate(truth) if value in item[attribute]]
            assert scores[attribute][rows].mean() >= 0.99, value


def test_oracle_is_total(scenes):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (40, 32, 32, 3)).astype(np.uint8)
    flat = np.full((3, 32, 32, 3), [[[[0]]], [[[138]]], [[[255]]]], np.uint8)
    for images in (noise, flat, noise[:0]):
        readings = scenes.oracle.read_images(images)
        assert len(readings) == len(images)
    words = [*scenes.vocabulary(), ".", "Ω", "1", "<pad>"]
    texts = [" ".join(rng.choice(words, rng.integers(0, 30))) for _ in range(2_000)]
    readings = scenes.oracle.read_captions(["", " ", *texts])
    assert len(readings) == 2_002
    known = scenes.oracle.frequencies()
    for attribute, values in readings.values.items():
        assert set(values.ravel()) <= {*known[attribute], "?", ""}
        assert not (values[:, 0] == "").any()
        assert values[0, 0] == "?"
    assert len(scenes.oracle.read_captions([])) == 0


def test_unreadable_images_are_called_so(scenes):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (40, 32, 32, 3)).astype(np.uint8)
    for values in scenes.oracle.read_images(noise).values.values():
        assert (values[:, 0] == "?").mean() > 0.7
    empty = np.full((1, 32, 32, 3), 138, np.uint8)
    readings = row(scenes.oracle.read_images(empty))
    assert readings["background"] == ("grey",)
    assert readings["colour"][0] == "?"


def test_wrong_image_size_is_refused(scenes):
    with pytest.raises(ValueError, match="32"):
        scenes.oracle.read_images(np.zeros((1, 16, 16, 3), np.uint8))


@pytest.mark.parametrize("size", [24, 48])
def test_other_image_sizes_are_read(size):
    scenes = Scenes(image_size=size)
    index = np.arange(200)
    readings = scenes.oracle.read_images(scenes.images("judge", index))
    assert min(accuracy(scenes.attributes("judge", index), readings).values()) >= 0.98


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a large red circle on the left", {"background": ("?",), "place": ("left", "")}),
        ("a red circle on the left on grey", {"size": ("?", ""), "colour": ("red", "")}),
        ("a large red on the left on grey", {"shape": ("?", ""), "colour": ("red", "")}),
        ("a large red circle on grey", {"place": ("?", ""), "shape": ("circle", "")}),
        ("a large red circle left of a small blue ring on grey", {"place": ("left", "right")}),
        ("a large red circle right of a small blue ring", {"place": ("right", "left"), "background": ("?",)}),
        (
            "a large red circle and a small blue ring on tan",
            {"place": ("?", "?"), "size": ("large", "small")},
        ),
        ("a large red red circle on the left on grey", {"colour": ("?", ""), "shape": ("circle", "")}),
        ("a large red circle on a red background", {"background": ("?",), "colour": ("red", "")}),
        ("a large red circle on red", {"background": ("?",), "colour": ("red", "")}),
        ("a grey background with a large red circle on black", {"background": ("?",)}),
        ("a red circle , a blue ring , a pink cross on tan", {"shape": ("?", "?"), "background": ("tan",)}),
        ("A Large Red Circle, on the left, on GREY.", {"shape": ("circle", ""), "background": ("grey",)}),
        ("on grey", {"shape": ("?", ""), "background": ("grey",)}),
    ],
)
def test_faulty_captions_lose_only_the_faulty_part(caption, expected, shapes):
    read = row(shapes.read_captions([caption]))
    assert {attribute: read[attribute] for attribute in expected} == expected


def test_a_blob_keeps_its_colour_but_has_no_shape(shapes):
    y, x = np.mgrid[:32, :32] - 15.5
    stroke = (np.abs(x) < 11) & (np.abs(y) < 2)
    image = np.where(stroke[..., None], (215, 25, 35), (242, 242, 242)).astype(np.uint8)
    read = row(shapes.read_images(image[None]))
    assert read["shape"] == ("?", "") or read["shape"] == ("?", "?")
    assert read["colour"][0] == "red"
    assert read["background"] == ("white",)


def test_three_objects_are_unreadable(shapes):
    image = np.full((32, 32, 3), 242, np.uint8)
    for top, left in ((2, 2), (2, 20), (20, 11)):
        image[top : top + 8, left : left + 8] = (35, 70, 225)
    read = row(shapes.read_images(image[None]))
    assert read["shape"] == ("?", "?")
    assert read["background"] == ("white",)


def test_tails(scenes):
    for attribute, frequencies in scenes.oracle.frequencies().items():
        tail = scenes.oracle.tail(attribute)
        assert 1 <= len(tail) == max(1, round(len(frequencies) / 3))
        rest = set(frequencies) - set(tail)
        assert max(frequencies[value] for value in tail) <= min(frequencies[value] for value in rest)


def readings(**values):
    return Readings({name: np.array([slots], dtype=object) for name, slots in values.items()})


TRUTH = [{"shape": ("circle", "ring"), "colour": ("red", "blue"), "background": ("grey",)}]


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (readings(shape=["circle", "ring"], colour=["red", "blue"], background=["grey"]), (1, 1, 1)),
        (readings(shape=["ring", "circle"], colour=["blue", "red"], background=["tan"]), (1, 1, 0)),
        (readings(shape=["circle", "ring"], colour=["blue", "red"], background=["?"]), (1, 0, 0)),
        (readings(shape=["ring", ""], colour=["blue", ""], background=["grey"]), (0.5, 0.5, 1)),
        (readings(shape=["?", "?"], colour=["red", "?"], background=["grey"]), (0, 0.5, 1)),
    ],
)
def test_match_binds_attributes_to_objects(read, expected):
    scores = match(TRUTH, read)
    assert tuple(scores[name][0] for name in ("shape", "colour", "background")) == expected


def test_match_counts_a_surplus_object_as_wrong():
    truth = [{"shape": ("circle",)}]
    assert match(truth, readings(shape=["circle", "ring"]))["shape"][0] == 0.5
    assert match(truth, readings(shape=["ring", "circle"]))["shape"][0] == 0.5
    with pytest.raises(ValueError, match="2 true items"):
        match(truth * 2, readings(shape=["circle", ""]))

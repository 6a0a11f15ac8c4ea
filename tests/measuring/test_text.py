"""Captions of a set beside people's: the fault that was planted goes red and no other, and nothing does by chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.measuring.lines import HALVES, LEVEL, Line, judged, spread
from benchmarks.measuring.text import TextLines, text_lines
from benchmarks.measuring.texts import PACKED, Texts
from benchmarks.metrics.captions import variety
from benchmarks.metrics.captions.diversity import BUDGET, rarefied
from datamodules.scenes.dataset import Scenes

N = 400


@pytest.fixture(scope="module")
def people() -> np.ndarray:
    """6,000 human captions, one a picture."""
    found = Scenes(domain="shapes", seed=0).captions("train", np.arange(6000))
    rng = np.random.default_rng(0)
    return np.array([texts[int(rng.integers(len(texts)))] for texts in found])


def parts(people: np.ndarray, seed: int) -> tuple[list[str], list[str], list[str], list[str]]:
    order = people[np.random.default_rng(seed).permutation(len(people))]
    return order[:N].tolist(), order[N : 2 * N].tolist(), order[2 * N : 3 * N].tolist(), order[3 * N :].tolist()


def red(found: TextLines) -> set[str]:
    return {line.name for line in judged(found.lines) if line.word == "worse"}


FAULTS: dict[str, tuple[Callable[[list[str], list[str]], list[str]], set[str]]] = {
    "an opening": (lambda own, _: [f"this image shows {text}" if i % 2 else text for i, text in enumerate(own)], {"opening"}),
    "copies": (lambda own, _: own[: N - 40] + own[:40], {"copies"}),
    "two colours gone": (
        lambda _, rest: [text for text in rest if "pink" not in text and "cyan" not in text][:N],
        {"distinct1", "distinct2", "distinct3", "packing", "repetition", "self_bleu", "rare_words"},
    ),
    "one sentence": (lambda own, _: ["a red circle on a white background"] * N, {"copies"}),
    "nothing": (lambda own, _: own, set()),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_the_right_line_goes_red(fault: str, people: np.ndarray) -> None:
    own, real, known, rest = parts(people, 2)
    plant, expected = FAULTS[fault]
    found = text_lines(plant(own, rest), real, known)
    assert red(found) <= expected
    assert red(found) or not expected
    if fault == "an opening":
        words, share, theirs = found.openings[0]
        assert (words, theirs) == ("this image shows", 0.0)
        assert share == pytest.approx(0.5, abs=0.01)


def test_a_fresh_sample_is_not_called_worse(people: np.ndarray) -> None:
    called = [bool(red(text_lines(*parts(people, seed)[:3], seed=seed))) for seed in range(40)]
    assert sum(called) <= 5  # of 40; the level is one in twenty over all lines of a set


@pytest.mark.slow
def test_at_most_one_fresh_sample_of_twenty_is_called_worse(people: np.ndarray) -> None:
    called = [bool(red(text_lines(*parts(people, seed)[:3], seed=seed))) for seed in range(200)]
    assert sum(called) <= LEVEL * 200


@pytest.mark.slow
def test_copies_alone_go_red(people: np.ndarray) -> None:
    other = 0
    for seed in range(200):
        own, real, known, _ = parts(people, seed)
        found = red(text_lines(own[: N - 40] + own[:40], real, known, seed))
        assert "copies" in found
        other += len(found) > 1
    assert other <= 2 * LEVEL * 200  # conditional on one line that is worse, and with the luck of 200 draws


def test_without_a_reference_there_are_numbers_and_no_words(people: np.ndarray) -> None:
    found = text_lines(people[:N].tolist(), None, None)
    assert {line.word for line in judged(found.lines)} == {"unknown"}
    assert all(line.value is not None and line.interval is not None and line.real is None for line in found.lines)
    assert "rare_words" not in {line.name for line in found.lines}


def test_measures_are_those_of_the_loop(people: np.ndarray) -> None:
    texts = Texts(people[:N].tolist())
    rows = np.random.default_rng(0).permutation(N)[: N // 2]
    chosen = [texts.words[i] for i in sorted(rows)]
    assert texts.distinct(3)(rows) == pytest.approx(variety.distinct(chosen, 3))
    assert texts.self_bleu(rows) == pytest.approx(variety.self_bleu(chosen))
    counts = {word: sum(text.count(word) for text in chosen) for text in chosen for word in text}
    assert texts.vocabulary(rows) == pytest.approx(rarefied(counts, BUDGET))
    rare = frozenset(sorted(counts, key=lambda word: counts[word])[:5])
    everything = texts.survival(frozenset(counts))(rows)
    assert everything == pytest.approx(texts.vocabulary(rows))
    assert 0 < texts.survival(rare)(rows) <= 5


def test_repetition_by_hand() -> None:
    texts = Texts(["a b c d e", "x a b c d", "one two three four", "a b", "One  two three FOUR"])
    assert texts.repetition(np.arange(3)) == pytest.approx(2 / 5)  # a b c d, of both; b c d e and x a b c are of one
    assert texts.opening(np.arange(5)) == pytest.approx(2 / 5)
    assert texts.repeated(np.arange(5)) == pytest.approx(2 / 5)
    assert texts.length(np.array([0, 3])) == pytest.approx(3.5)
    assert texts.without(frozenset({("a", "b", "c")})).words[0] == ["d", "e"]


def test_half_samples_have_the_spread_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    told, means = [], []
    for seed in range(60):
        values = rng.normal(0.0, 3.0, 200)
        told.append(spread(lambda rows, values=values: float(values[rows].mean()), 200, seed))
        means.append(values.mean())
    assert np.mean(told) == pytest.approx(3 / np.sqrt(200), rel=0.05)
    assert np.std(means) == pytest.approx(np.mean(told), rel=0.25)
    assert spread(lambda rows: 1.0, 3, 0) == 0.0


def test_packing_and_its_spread_are_of_the_captions_that_are_packed(people: np.ndarray) -> None:
    captions = list(dict.fromkeys(people.tolist()))[: 2 * PACKED]
    assert len(captions) == 2 * PACKED
    few, many = ({line.name: line for line in text_lines(captions[:n], None, None).lines} for n in (PACKED, 2 * PACKED))
    assert many["packing"] == few["packing"]
    assert (many["packing"].n, many["repetition"].n) == (PACKED, 2 * PACKED)


def test_what_is_small_is_not_called_worse() -> None:
    lines = [
        Line("x", "text", "up", "", 1.04, 0.001, 1.0, 0.001, 1e-9),
        Line("y", "text", "up", "", 1.06, 0.0, 1.0, 0.0, 1e-9),
    ]
    assert [line.word for line in judged(lines)] == ["as real", "worse"]
    assert judged([Line("z", "text", "", "")])[0].word == "unknown"
    assert HALVES >= 20


def test_what_is_expected_among_1000_words_is_not_told_of_fewer() -> None:
    """Every pair of words differs on both sides: among fewer than 1,000 their number would be the length alone."""
    rng = np.random.default_rng(0)

    def captions(n: int, length: int) -> list[str]:
        return [" ".join(f"w{rng.integers(10**9)}" for _ in range(length)) for _ in range(n)]

    short, long = captions(120, 5), captions(120, 10)
    lines = {line.name: line for line in judged(text_lines(short, long, captions(120, 10)).lines)}
    for name in ("distinct1", "distinct2", "distinct3", "rare_words"):
        assert lines[name].value is None, name
        assert "at least 2,000 are needed" in lines[name].reason
    assert lines["distinct1"].reason.startswith("600 words; ")
    lines = {line.name: line for line in judged(text_lines(captions(900, 5), captions(900, 10), None).lines)}
    assert [lines[f"distinct{n}"].word for n in (1, 2, 3)] == ["as real"] * 3

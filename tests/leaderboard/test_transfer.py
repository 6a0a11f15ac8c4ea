"""Whether a ranking carries over: tau as scipy has it, an interval that holds the truth, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmarks.commands import main as cli
from benchmarks.reporting.declared import transfer_rows
from leaderboard.board import build
from leaderboard.readings import BoardRow, Reading
from leaderboard.transfer import FEWEST, compare, left_open, order, transfers
from records.errors import UsageError
from records.results import Cost
from tests.leaderboard.conftest import World


def board(rates: dict[str, float], noise: float = 0.02, first_seed: int = 0, seeds: int = 5):
    w = World(seeds=range(first_seed, first_seed + seeds), noise=noise)
    for name, rate in {"none": 1.0, "real": 0.02, **rates}.items():
        w.add("single", "default", name, rate, trains=("captioner",))
    return build(w.rows, w.results)


def ends(found, name: str) -> float:
    return next(line.end for group in found.groups for line in group.lines if line.mitigation == name)


NAMES = [
    "a",
    "bb",
    "ccc",
    "dddd",
    "eeeee",
    "ffffff",
    "ggggggg",
    "hhhhhhhh",
    "iiiiiiiii",
]  # of different lengths: own noise


@pytest.mark.parametrize("shift", [0, 3, 8])
def test_tau_is_that_of_scipy(shift: int):
    rates = np.linspace(0.1, 0.9, len(NAMES))
    one = board(dict(zip(NAMES, rates, strict=True)))
    other = board(dict(zip(NAMES, np.roll(rates, shift), strict=True)), first_seed=10)
    (found,) = compare("one", one, "other", other, "captioner")
    means = [[ends(b, name) for name in found.methods] for b in (one, other)]
    assert found.tau == pytest.approx(stats.kendalltau(*means).statistic)
    assert found.chance == pytest.approx(stats.kendalltau(*means).pvalue)
    assert found.low <= found.tau <= found.high
    assert found.methods == tuple(sorted(NAMES))
    assert (found.tau > 0.9) is (shift == 0)


@pytest.mark.parametrize("methods", [8, 9, 10, 11, 13, 15])
def test_the_same_order_is_called_so_whatever_the_last_digit_of_tau(methods: int):
    names = [f"m{'x' * i}" for i in range(methods)]
    same = board(dict(zip(names, np.linspace(0.1, 0.9, methods), strict=True)), noise=1e-4)
    (found,) = compare("one", same, "other", same, "captioner")
    assert f"the {methods} methods that both have stand in the same order, tau = 1.00" in found.sentence


@pytest.mark.parametrize(
    ("order_of_other", "words", "chance"),
    [
        (range(9), "stand in the same order, tau = 1.00 (p = 5.5e-06 by chance alone)", 2 / math.factorial(9)),
        (range(8, -1, -1), "stand in opposite orders, tau = -1.00 (p = 5.5e-06", 2 / math.factorial(9)),
        ([1, 0, 2, 3, 4, 5, 6, 8, 7], "stand in much the same order, tau = 0.89 (p = ", None),
        ([7, 8, 6, 5, 4, 3, 2, 0, 1], "stand in much the opposite order, tau = -0.89 (p = ", None),
        ([4, 0, 8, 2, 6, 1, 5, 7, 3], "stand in orders of which no relation shows, tau = 0.11 (p = 0.76", None),
    ],
)
def test_how_alike_orders_are_by_chance_alone(order_of_other, words: str, chance: float | None):
    """Of all orders of nine methods two are as far from unrelated as the same one: itself, and its opposite."""
    rates = np.linspace(0.1, 0.9, 9)
    one = board(dict(zip(NAMES, rates, strict=True)), noise=1e-3)
    other = board(dict(zip(NAMES, rates[list(order_of_other)], strict=True)), noise=1e-3, first_seed=10)
    (found,) = compare("one", one, "other", other, "captioner")
    assert words in found.sentence
    assert found.sentence.startswith("one and other, captioner of single/default: the 9 methods that both have stand ")
    assert found.row[6] == f"{found.chance:.2g}"
    if chance is not None:
        assert found.chance == pytest.approx(chance)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.02, 0.5])
def test_orders_that_have_nothing_to_do_with_each_other_rarely_look_alike(noise: float):
    """However noisy boards are, unrelated orders are called alike, or opposite, in about one of twenty studies."""
    rng = np.random.default_rng(33)
    rates, found = np.linspace(0.1, 0.9, len(NAMES)), []
    for study in range(100):
        one, other = (
            board(dict(zip(NAMES, rng.permutation(rates), strict=True)), noise, first_seed=10 * (2 * study + side))
            for side in range(2)
        )
        (compared,) = compare("one", one, "other", other, "captioner")
        found.append(compared.chance is not None and compared.chance < 0.05)
    print(f"noise {noise}: {np.mean(found):.0%} of unrelated orders look related")
    assert np.mean(found) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)


def test_boards_that_need_more_of_one_metric_and_less_of_another_are_put_the_same_way():
    """Accuracy is better where it is high, a distance where it is low."""
    w = World(noise=0.01)
    for name, rate in {"none": 1.0, "real": 0.02, **dict(zip(NAMES, np.linspace(0.1, 0.9, 9), strict=True))}.items():
        w.add("single", "default", name, rate, trains=("generator",))
    distance = build(w.rows, w.results)
    for group in distance.groups:
        assert group.direction == "down"
    assert order(
        [line.reading for line in distance.groups[0].lines if line.mitigation in ("a", "iiiiiiiii")], "down"
    ) == [1]


def test_pairs_that_seeds_cannot_tell_apart_may_stand_either_way():
    assert left_open(np.array([1, 1, 1, 1])) == (1, 1)
    assert left_open(np.array([1, 1, -1, -1])) == (0, 0)
    assert left_open(np.array([1, 0, 0, 0])) == (-0.5, 1)
    assert left_open(np.array([0, 0])) == (-1, 1)


def test_noise_widens_the_interval_and_few_seeds_do():
    rates = dict(zip(NAMES, np.linspace(0.1, 0.9, len(NAMES)), strict=True))
    (sharp,) = compare("one", board(rates), "other", board(rates, first_seed=10), "captioner")
    (vague,) = compare("one", board(rates, noise=0.15), "other", board(rates, noise=0.15, first_seed=10), "captioner")
    (few,) = compare("one", board(rates, seeds=2), "other", board(rates, first_seed=10, seeds=2), "captioner")
    assert sharp.high - sharp.low < few.high - few.low
    assert sharp.high - sharp.low < vague.high - vague.low
    assert sharp.told > vague.told


def test_few_shared_methods_are_refused_in_a_sentence():
    rates = dict(zip(NAMES, np.linspace(0.1, 0.9, len(NAMES)), strict=True))
    fewer = dict(list(rates.items())[: FEWEST - 1])
    (found,) = compare("one", board(rates), "other", board(fewer), "captioner")
    assert found.tau is None
    assert found.reason == "7 methods in common; a ranking takes 8"
    assert len(found.methods) == 7
    (enough,) = compare("one", board(rates), "other", board(dict(list(rates.items())[:FEWEST])), "captioner")
    assert enough.tau is not None


def variants(*names: str):
    w = World(noise=0.02)
    for variant in names:
        for name, rate in {
            "none": 1.0,
            "real": 0.02,
            **dict(zip(NAMES, np.linspace(0.1, 0.9, 9), strict=True)),
        }.items():
            w.add("single", variant, name, rate, trains=("captioner",))
    return build(w.rows, w.results)


def test_every_shared_scenario_variant_is_compared_and_no_other():
    found = compare("one", variants("a", "b", "mine"), "other", variants("b", "a", "theirs"), "captioner")
    assert [(x.scenario, x.row[2], len(x.methods)) for x in found] == [
        ("single/a", "single/a", 9),
        ("single/b", "single/b", 9),
    ]
    assert all(x.tau == pytest.approx(1) for x in found)
    (none,) = compare("one", variants("mine"), "other", variants("theirs"), "captioner")
    assert none.sentence == "one and other, captioner: no answer: they have no scenario variant in common."
    assert none.tau is None
    assert none.row[4:] == ("0", "they have no scenario variant in common", "", "")


def test_rows_of_real_pairs_are_no_methods_of_a_ranking():
    w = World(noise=0.02)
    rates = {"none": 1.0, "real": 0.02, "real_a": 0.01, **dict(zip(NAMES, np.linspace(0.1, 0.9, 9), strict=True))}
    for name, rate in rates.items():
        row = w.add("single", "default", name, rate, trains=("captioner",))
        for seed in w.seeds if name == "real_a" else ():
            w.change(row, seed, cost=Cost(1000, 4096, 0, 10, 1.0, 1.0))
    found = build(w.rows, w.results)
    (compared,) = compare("one", found, "other", found, "captioner")
    assert compared.methods == tuple(sorted(NAMES))


def test_pairs_of_a_board_are_told_together():
    """One difference of p = 0.02 among 28 pairs is what chance makes, and tells nothing."""
    rng = np.random.default_rng(3)
    pair = readings(rng.normal(size=(5, 1)) + np.array([0.0, 0.05]) * [[1], [1.3], [0.9], [1.6], [0.6]])
    assert [abs(x) for x in order(pair, "up")] == [1]
    assert not order(readings(draw(np.random.default_rng(5), np.zeros(8), 1.0)), "up").any()


def test_controls_that_say_nothing_rank_nothing():
    rates = dict(zip(NAMES, np.linspace(0.1, 0.9, len(NAMES)), strict=True))
    w = World(noise=0.02)
    for name, rate in {"none": 1.0, "real": 0.6, **rates}.items():
        w.add("single", "default", name, rate, trains=("captioner",))
    (found,) = compare("one", board(rates), "other", build(w.rows, w.results), "captioner")
    assert found.tau is None
    assert found.reason.startswith("other: real pairs harm by 60% of what own output does")


def test_committed_boards_are_compared_or_say_why_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["transfer", "scenes_board_captioner", "scenes_second_base"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "scenes_board_captioner and scenes_second_base, captioner of single_model_captioner/default: "
    )
    assert max(map(len, said.splitlines())) <= 100
    (found,) = transfers(["scenes_board_captioner", "scenes_renamed_generator"], Path("leaderboard/entries"))
    assert found.reason == "they rank no side in common"
    assert cli.main(["transfer", "scenes_board_captioner", "gone", "--entries", str(tmp_path)]) == 0
    assert "no entries of scenes_board_captioner and gone" in capsys.readouterr().out
    for wrong in (["transfer", "one"], ["transfer", "one", "one"], ["transfer", "one", "two", "--n=3"]):
        assert cli.main(wrong) == 2
        assert capsys.readouterr().err.startswith("error: ")


def test_a_page_asks_for_a_side_and_suites():
    rows = transfer_rows(["captioner", "scenes_board_captioner", "scenes_second_base", "scenes_textures"])
    assert [row[1] for row in rows[1:]] == ["`scenes_second_base`", "`scenes_textures`"]
    for wrong in (["captioner", "one"], ["painter", "one", "two"]):
        with pytest.raises(UsageError, match=r"transfer: found .*; allowed: captioner or generator, then suites"):
            transfer_rows(wrong)


def readings(values: np.ndarray) -> list[Reading]:
    """Return rows with these values at T, (seeds, methods)."""
    seeds = tuple(range(len(values)))
    return [
        Reading(BoardRow("s", "v", f"m{i}", None, seeds, ()), "captioner/x", (), len(seeds), "", curves=column[:, None])
        for i, column in enumerate(values.T)
    ]


def draw(rng: np.random.Generator, means: np.ndarray, noise: float | np.ndarray) -> np.ndarray:
    return means + rng.normal(size=(5, 1)) + noise * rng.normal(size=(5, len(means)))


def resampled(rng: np.random.Generator, one: np.ndarray, other: np.ndarray, times: int = 400) -> tuple[float, float]:
    """Return the percentile interval of tau over resampled seeds."""
    i, j = np.triu_indices(one.shape[1], 1)
    signs = []
    for values in (one, other):
        means = values[rng.integers(0, 5, (times, 5))].mean(axis=1)
        signs.append(np.sign(means[:, i] - means[:, j]))
    return tuple(np.quantile((signs[0] * signs[1]).mean(axis=1), [0.025, 0.975]))


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.5, 1.5, 4.0])
@pytest.mark.parametrize("kind", ["same", "half turned", "opposite"])
def test_the_interval_holds_the_tau_of_known_rankings(kind: str, noise: float):
    rng = np.random.default_rng([31, int(10 * noise), len(kind)])
    means = np.arange(8.0)
    other = {"same": means, "half turned": np.r_[means[:4][::-1], means[4:]], "opposite": means[::-1]}[kind]
    truth = stats.kendalltau(means, other).statistic
    held, held_by_resampling = [], []
    for _ in range(150):
        one, two = draw(rng, means, noise), draw(rng, other, noise)
        low, high = left_open(order(readings(one), "up") * order(readings(two), "up"))
        held.append(low - 1e-9 <= truth <= high + 1e-9)
        low, high = resampled(rng, one, two)
        held_by_resampling.append(low - 1e-9 <= truth <= high + 1e-9)
    print(f"{kind}, noise {noise}: {np.mean(held):.0%} held, {np.mean(held_by_resampling):.0%} by resampling")
    assert np.mean(held) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 150)
    if abs(truth) == 1 and noise > 1:
        assert np.mean(held_by_resampling) < 0.6, "the bootstrap is drawn towards zero"


@pytest.mark.slow
@pytest.mark.parametrize("methods", [8, 15])
@pytest.mark.parametrize("kind", ["unequal noise", "two clusters"])
def test_the_interval_holds_one_where_pairs_are_hard_to_tell(kind: str, methods: int):
    """Where some pairs are next to equal on one board, tests of single pairs would tell one of them wrongly."""
    rng = np.random.default_rng([32, methods, len(kind)])
    means = np.arange(float(methods))
    near = np.where(means < methods // 2, 0.0, 20.0) + 1e-6 * means  # in the same order, and hardly apart
    noise = np.where(means % 2, 0.3, 6.0) if kind == "unequal noise" else np.ones(methods)
    held = []
    for _ in range(150):
        one = order(readings(draw(rng, means, 0.1)), "up")
        two = order(readings(draw(rng, near if kind == "two clusters" else means, noise)), "up")
        held.append(left_open(one * two)[1] >= 1 - 1e-9)
    print(f"{kind}, {methods} methods: {np.mean(held):.0%} held")
    assert np.mean(held) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 150)

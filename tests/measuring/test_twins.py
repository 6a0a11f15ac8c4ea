"""The error of a share of items that have a twin: as large as the share varies from one set to the next."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.measuring import pictures, text
from benchmarks.measuring.lines import Line, line, spread
from benchmarks.measuring.pictures import Looks, picture_lines
from benchmarks.measuring.text import text_lines
from benchmarks.measuring.texts import Texts

N, PAIRS, SETS = 120, 8, 700
#: So many equally likely things to say or to show that sets of N have about as many pairs of the same.
THINGS = N**2 // (2 * PAIRS)
FIELDS = np.random.default_rng(0).normal(size=(THINGS, 256)) * 30 + 128
Share = Callable[[np.ndarray], Callable[[np.ndarray], float]]


def looks(things: np.ndarray, exact: bool) -> Looks:
    """Pictures of which those of the same thing are equal to the pixel, or nearly."""
    made = Looks([])
    made.n, made.numbers = len(things), np.arange(len(things))
    noise = np.random.default_rng(things[0]).normal(size=(len(things), 256))
    made.layout = FIELDS[things] if exact else FIELDS[things] + 0.1 * noise
    made.same = things if exact else np.arange(len(things))
    for name in ("colour", "contrast", "detail", "brightness"):
        setattr(made, name, np.ones(len(things)))
    return made


def captions(things: np.ndarray) -> list[str]:
    return [f"thing {number}" for number in things]


SHARES: dict[str, Share] = {
    "copies of pictures": lambda things: looks(things, exact=True).copied,
    "near copies": lambda things: looks(things, exact=False).near,
    "copies of captions": lambda things: Texts(captions(things)).repeated,
}


@pytest.mark.parametrize("share", SHARES.values(), ids=SHARES)
def test_the_error_is_that_from_one_set_to_the_next(share: Share) -> None:
    rng = np.random.default_rng(1)
    sets = [rng.integers(THINGS, size=N) for _ in range(SETS)]
    lines = [line("copies", "set", "up", "", share(things), None, N, twins=True) for things in sets]
    values = np.array([found.value for found in lines])
    assert values.mean() == pytest.approx(1 - (1 - 1 / THINGS) ** (N - 1), rel=0.05)
    said = np.mean([found.sd**2 for found in lines])
    assert said / values.var(ddof=1) == pytest.approx(1.0, abs=0.12), "half-samples alone come to three quarters"


def test_the_lines_of_twins_and_no_others_have_the_wider_error() -> None:
    rng = np.random.default_rng(2)
    things, rows = rng.integers(THINGS, size=N), np.arange(N)
    exact, near = looks(things, exact=True), looks(things, exact=False)
    found = {**by_name(picture_lines(near, near)), "copies": by_name(picture_lines(exact, exact))["copies"]}
    for name, _, _, measure in pictures.MEASURES:
        made = exact if name == "copies" else near
        wide = np.sqrt(4 / 3) if name in ("copies", "near_copies") else 1.0
        assert found[name].value == measure(made, rows)
        assert found[name].sd == pytest.approx(wide * spread(lambda part, m=measure, s=made: m(s, part), N, 0))
        assert found[name].real_sd == pytest.approx(wide * spread(lambda part, m=measure, s=made: m(s, part), N, 1))
    assert found["copies"].sd > 0 < found["near_copies"].sd
    said = captions(things)
    (copies, opening, *_) = text_lines(said, said, said).lines
    assert copies.sd == pytest.approx(np.sqrt(4 / 3) * spread(Texts(said).repeated, N, 0))
    left = text._once(Texts(said))
    assert opening.sd == pytest.approx(spread(left.opening, left.n, 0))


def by_name(lines: list[Line]) -> dict[str, Line]:
    return {found.name: found for found in lines}

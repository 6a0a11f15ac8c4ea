"""Claims about a knob: a line through the levels, and what a line does not see."""

from __future__ import annotations

import pytest

from leaderboard.claims.dose import Dose, Level
from leaderboard.claims.terms import Collapse
from tests.leaderboard.cells import Cells, line
from tests.leaderboard.test_claims import FRECHET, verdict


def budgets(step: float, *, worse_real: float = 0.0) -> Cells:
    cells = Cells()
    for i, dose in enumerate((5, 10, 20)):
        cells.add(f"b/s{dose}/none", {FRECHET: line(2, 2 + step * i, seed=i)}, n=512 // 2**i)
        cells.add(f"b/s{dose}/real", {FRECHET: line(2, worse_real * i, seed=i + 5)}, n=512 // 2**i)
    return cells


def dose(expect="less", control=False, **more):
    levels = tuple(Level(d, f"b/s{d}/none", f"b/s{d}/real" if control else "") for d in (5, 10, 20))
    return Dose(levels, FRECHET, expect, **{"same_n": False, **more})


def test_damage_against_a_dose():
    part = verdict(dose(), budgets(-0.3)).finding.parts[0]
    assert verdict(dose(), budgets(-0.3)).word == "supported"
    assert part.effect == pytest.approx(4 * -0.3, abs=0.1), "per doubling, over four iterations"
    assert verdict(dose(), budgets(0.3)).word == "contradicted"
    assert verdict(dose("more"), budgets(0.3)).word == "supported"
    assert verdict(dose(), budgets(0.0)).word == "undecided"


def levels(*damage: float, noise: float = 0.05, seeds: int = 12) -> Cells:
    """Loops of a collapse of 4 that lose so much at 5, 10 and 20 steps; the margin is 1."""
    cells = Cells()
    cells.add("loop/x/none", {FRECHET: line(2, 1, seeds=seeds, noise=noise, seed=50)})
    cells.add("loop/x/real", {FRECHET: line(2, 0, seeds=seeds, noise=noise, seed=51)})
    for i, (steps, lost) in enumerate(zip((5, 10, 20), damage, strict=True)):
        cells.add(f"b/s{steps}/none", {FRECHET: line(2, lost / 4, seeds=seeds, noise=noise, seed=i)})
    return cells


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        ((5.0, 4.0, 3.0), "supported"),
        ((5.0, 3.0, 3.0), "supported"),  # most of the gain at once
        ((3.0, 4.0, 5.0), "contradicted"),
        ((4.0, 4.2, 4.1), "negligible"),
        ((4.0, 9.0, 4.0), "undecided"),  # a line through the three is flat
        ((4.0, 0.5, 4.0), "undecided"),
        ((5.0, 9.0, 3.0), "undecided"),  # and here it falls
        ((5.0, 0.2, 3.0), "undecided"),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_the_middle_of_three_levels_counts(damage, word, order):
    kind = dose(collapse=Collapse("loop/x/none", "loop/x/real"))
    found = verdict(Dose(kind.levels[::order], FRECHET, "less", collapse=kind.collapse), levels(*damage))
    assert found.word == word
    if word == "undecided":
        assert "not the whole way: from" in found.reason


def test_a_step_against_the_line_takes_a_claim_its_sign_and_says_which():
    found = verdict(dose(collapse=Collapse("loop/x/none", "loop/x/real")), levels(5.0, 9.0, 3.0))
    assert found.reason.startswith("not the whole way: from 5 to 10 there is more damage, by ")
    assert found.p_value == 1.0


def test_each_dose_may_have_its_own_control():
    fewer = budgets(0.3, worse_real=0.3)  # all that worsens is what smaller N does to real pairs too
    assert verdict(dose("more"), fewer).word == "supported"
    assert verdict(dose("more", control=True), fewer).word == "undecided"


def test_unequal_n_is_refused_unless_it_is_meant():
    assert verdict(dose(same_n=True), budgets(-0.3)).reason.startswith("N differs")

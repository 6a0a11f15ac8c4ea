"""A metric that a claim names without its judge: one space is meant, the same whatever file it is read from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest

from leaderboard.claims.correlation import Correlation
from leaderboard.claims.finding import Undecided
from leaderboard.readings import BoardRow
from leaderboard.series import Evidence, full_name
from records.results import CellResult, MetricInfo, Point, Row

FRECHET, SET = "generator/frechet", "set/frechet"
JUDGES = ("inception", "clip", "dino")


def cell(row: Row, seed: int, values: dict[str, float], primary: str) -> CellResult:
    """A cell of one iteration: damage is 0 at its start, and its metrics stand in the order given."""
    models = {name: value for name, value in values.items() if not name.startswith("set/")}
    return CellResult(
        "s", "d", hashlib.sha256(f"{row}{seed}".encode()).hexdigest(), seed, 1, 64, (row,), ("generator",), "complete",
        metrics=(Point(0, dict.fromkeys(models, 0.0)), Point(1, models)),
        sets=(Point(1, {name: value for name, value in values.items() if name.startswith("set/")}),),
        info={name: MetricInfo("down", name == primary, "p") for name in values},
    )  # fmt: skip


def study(models: Sequence[str] = JUDGES, sets: Sequence[str] = JUDGES, primary: str = "inception") -> Evidence:
    """Ten sets; in the space of `clip` the worst looks best, in the others it looks worst and does most damage."""
    rows, results = [], {}
    for i in range(10):
        label = Row("q", f"v{i}", "none")
        damage = {f"{FRECHET}@{judge},n=64": float(i) for judge in models}
        quality = {f"{SET}@{judge},n=64": float(-i if judge == "clip" else i) for judge in sets}
        made = [cell(label, seed, {**damage, **quality}, f"{FRECHET}@{primary},n=64") for seed in (0, 1)]
        results |= {one.key: one for one in made}
        rows.append(BoardRow("q", f"v{i}", "none", None, (0, 1), tuple(one.key for one in made)))
    return Evidence(rows, results)


def effect(evidence: Evidence, quality: str = SET, damage: str = FRECHET) -> float:
    (part,) = Correlation("q", quality, damage).judge(evidence).parts
    return part.effect


@pytest.mark.parametrize("sets", [JUDGES, ("clip", "dino", "inception"), ("dino", "clip", "inception")])
def test_quality_and_damage_are_of_one_space(sets: Sequence[str]) -> None:
    """In whatever order a file has them: an entry's is that of the alphabet, a result file's that of the testbed."""
    assert effect(study(sets=sets)) == pytest.approx(1.0)
    assert effect(study(sets=sets), damage=f"{FRECHET}@clip") == pytest.approx(-1.0)
    assert effect(study(sets=sets, primary="clip")) == pytest.approx(-1.0)


def test_a_judge_that_is_named_is_the_one_that_is_read() -> None:
    assert effect(study(), f"{SET}@clip") == pytest.approx(-1.0), "another space is compared where a claim says so"
    assert effect(study(sets=("clip",))) == pytest.approx(-1.0), "where there is one only, nothing has to be said"
    assert effect(study(models=("dino",), sets=("clip", "dino"), primary="dino")) == pytest.approx(1.0)


def test_of_several_other_spaces_none_is_chosen() -> None:
    with pytest.raises(Undecided, match=r"set/frechet is measured by clip, dino, and generator/frechet@inception,n=64"):
        Correlation("q", SET, FRECHET).judge(study(sets=("dino", "clip")))


def test_a_name_without_a_judge_is_that_of_the_headline_or_the_first_of_the_alphabet() -> None:
    made = next(iter(study().results.values()))
    assert full_name(made, FRECHET) == f"{FRECHET}@inception,n=64"
    assert full_name(made, SET) == f"{SET}@inception,n=64", "the headline's space"
    for sets in (("dino", "clip"), ("clip", "dino")):
        other = next(iter(study(sets=sets).results.values()))
        assert full_name(other, SET) == f"{SET}@clip,n=64"
    assert np.isfinite(made.value(full_name(made, f"{SET}@dino"), 1))

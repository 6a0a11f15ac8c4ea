"""Next weights of Neon, EMA and WiSE-FT against their formulas, on all weights and on the products of adapters."""

from __future__ import annotations

import pytest
import torch

from benchmarks.mitigations.ema import MovingAverage
from benchmarks.mitigations.neon import Neon
from benchmarks.mitigations.wise_ft import BaseAverage
from lightning_modules.fitting.adapters import product, trained_state
from tests.mitigations.model_side import LORA, SIDES, Facts, holds_only_with, pairs, settings, tiny, trained

#: Method, what it reads beside the new model, and the weights of the two.
METHODS = [
    (Neon(0.5), "start", 1.5, -0.5),
    (MovingAverage(0.75), "previous", 0.75, 0.25),
    (BaseAverage(0.25), "base", 0.75, 0.25),
]
IDS = ["neon", "ema", "wise_ft"]


def merged(method, reads, other, new):
    ctx = Facts(new_model=new, **{reads: other})
    return method.merge(ctx), ctx.notes


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("method", "reads", "a", "b"), METHODS, ids=IDS)
def test_all_weights(method, reads, a, b, side):
    before = trained_state(tiny(side))
    after = trained_state(trained(side))

    def check(method):
        frozen = {k: p for k, p in tiny(side).named_parameters() if k not in before}
        model, _ = merged(method, reads, tiny(side), trained(side))
        found = trained_state(model)
        assert found.keys() == before.keys()
        for k, value in found.items():
            assert torch.allclose(value, a * before[k] + b * after[k], atol=1e-6), k
        assert frozen or side == "captioner"
        assert all(torch.equal(model.get_parameter(k), p) for k, p in frozen.items())

    holds_only_with("merge", check, method)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("method", "reads", "a", "b"), METHODS, ids=IDS)
def test_an_adapter_moves_on_its_products_away_from_a_base_without_one(method, reads, a, b, side):
    after = product(trained(side, lora=LORA))

    def check(method):
        model, notes = merged(method, reads, tiny(side), trained(side, lora=LORA))
        found = product(model)
        assert found.keys() == after.keys()
        for k, value in found.items():
            assert torch.allclose(value, b * after[k], atol=1e-5), k
        assert notes["refactoring_error"] < 1e-5

    holds_only_with("merge", check, method)


@pytest.mark.parametrize("side", SIDES)
def test_neon_between_two_adapters_is_the_nearest_product_of_its_rank_and_says_what_that_loses(side):
    before, after = product(trained(side, lora=LORA)), product(continued(side))
    wanted = {k: 1.5 * before[k] - 0.5 * after[k] for k in before}

    def check(method):
        model, notes = merged(method, "start", trained(side, lora=LORA), continued(side))
        found = product(model)
        lost = size = 0.0
        for k, value in wanted.items():
            u, s, v = torch.linalg.svd(value.double(), full_matrices=False)
            nearest = (u[:, : LORA.rank] * s[: LORA.rank]) @ v[: LORA.rank]
            assert torch.allclose(found[k].double(), nearest, atol=1e-5), k
            lost, size = lost + float(s[LORA.rank :].square().sum()), size + float(s.square().sum())
        assert notes["refactoring_error"] == pytest.approx((lost / size) ** 0.5, rel=1e-3)
        assert notes["refactoring_error"] > 0

    holds_only_with("merge", check, Neon(0.5))


def continued(side):
    model = trained(side, lora=LORA)
    model.fit_pairs(pairs(), settings(lora=LORA), 7)
    return model


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Neon(0), "weight: found 0; allowed: a number above 0"),
        (lambda: MovingAverage(1.0), "decay: found 1.0; allowed: above 0, below 1"),
        (lambda: BaseAverage(-0.5), "alpha: found -0.5; allowed: above 0, below 1"),
    ],
)
def test_knobs_are_checked(make, said):
    with pytest.raises(ValueError, match=said):
        make()

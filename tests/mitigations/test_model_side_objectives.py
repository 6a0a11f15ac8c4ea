"""Losses of TCE and of the anchors against their formulas, their gradients, and the same in pieces."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from benchmarks.mitigations.kl_base import NearBasePredictions
from benchmarks.mitigations.l2_base import NearBaseWeights
from benchmarks.mitigations.tce import TruncatedCrossEntropy
from lightning_modules.fitting import adapters
from lightning_modules.fitting.objectives import weighted_mean
from lightning_modules.settings import Execution
from tests.mitigations.model_side import LORA, SIDES, Facts, holds_only_with, pairs, settings, tiny, trained


def seen(model, fit):
    """Return one batch of a fit, its losses and the context that an objective gets."""
    made = pairs()
    torch.manual_seed(3)
    batch = model.encode(made.images, made.captions, made.weights)
    batch |= model.draw(batch, fit)
    losses, context = model.losses(batch, fit)
    return losses, {**context, "weights": batch["weights"], "batch": batch, "module": model}


def objective_of(method, side, fit, base):
    ctx = Facts(modality=side, settings=fit, base=base, pool=pairs())
    return method.objective(ctx) or weighted_mean, ctx


def gradients(loss, model):
    wanted = {k: p for k, p in model.named_parameters() if p.requires_grad}
    found = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True, retain_graph=True)
    return {k: torch.zeros_like(p) if g is None else g for (k, p), g in zip(wanted.items(), found, strict=True)}


def test_tce_trains_on_tokens_of_probability_at_most_gamma():
    model, fit = trained("captioner", steps=8), settings()

    def check(method):
        losses, context = seen(model, fit)
        probability = context["logits"].softmax(-1).gather(-1, context["labels"].clamp_min(0)[..., None])[..., 0]
        mask = context["labels"] != -100
        kept = mask & (probability <= method.gamma)
        assert 0 < kept.sum() < mask.sum()
        nll = F.cross_entropy(context["logits"].transpose(1, 2), context["labels"], reduction="none")
        each = torch.stack([nll[i][kept[i]].sum() / mask[i].sum() for i in range(len(nll))])
        weights = context["weights"]
        found = objective_of(method, "captioner", fit, None)[0](losses, context)
        assert torch.allclose(found, (each * weights).sum() / weights.sum(), atol=1e-6)
        slopes = torch.autograd.grad(found, context["logits"], retain_graph=True)[0]
        assert torch.equal(slopes.abs().sum(-1) > 0, kept)

    holds_only_with("objective", check, TruncatedCrossEntropy(gamma=0.08))


@pytest.mark.parametrize("mean", ["caption", "batch"])
def test_tce_at_gamma_1_is_cross_entropy(mean):
    """Also where a caption counts as much as it is long."""
    fit = replace(settings(), token_mean=mean)
    losses, context = seen(tiny("captioner"), fit)
    found = objective_of(TruncatedCrossEntropy(1.0), "captioner", fit, None)[0](losses, context)
    assert torch.allclose(found, weighted_mean(losses, context))
    if mean == "batch":
        assert not torch.allclose(found, weighted_mean(seen(tiny("captioner"), settings())[0], context))


@pytest.mark.parametrize("side", SIDES)
def test_l2_pulls_every_weight_by_its_distance_from_the_base(side):
    model, base = trained(side), tiny(side)
    start = adapters.trained_state(base)

    def check(method):
        losses, context = seen(model, settings())
        objective, _ = objective_of(method, side, settings(), base)
        total, plain = objective(losses, context), weighted_mean(losses, context)
        own = adapters.trained_state(model)
        distance = sum(float((own[k] - start[k]).double().square().sum()) for k in own)
        assert distance > 0
        assert (total - plain).item() == pytest.approx(method.strength / 2 * distance, rel=1e-3)
        both = gradients(total, model), gradients(plain, model)
        for k, value in own.items():
            assert torch.allclose(both[0][k] - both[1][k], method.strength * (value - start[k]), atol=1e-5), k

    holds_only_with("objective", check, NearBaseWeights(strength=0.7))


@pytest.mark.parametrize("side", SIDES)
def test_l2_of_an_adapter_is_the_norm_of_its_products(side):
    model, fit = trained(side, lora=LORA), settings(lora=LORA)

    def check(method):
        losses, context = seen(model, fit)
        objective, _ = objective_of(method, side, fit, tiny(side))
        total, plain = objective(losses, context), weighted_mean(losses, context)
        norm = sum(float(v.double().square().sum()) for v in adapters.product(model).values())
        assert norm > 0
        assert (total - plain).item() == pytest.approx(method.strength / 2 * norm, rel=1e-3)
        slopes = gradients(total - plain, model)
        factors = {k: p for k, p in model.named_parameters() if "lora_A" in k}
        for name, a in factors.items():  # of strength / 2 |s B A|^2 by A: strength s^2 B'B A
            b = model.get_parameter(name.replace("lora_A", "lora_B"))
            scale = LORA.alpha / LORA.rank
            if a.ndim == 2:
                assert torch.allclose(slopes[name], method.strength * scale**2 * b.T @ b @ a, atol=1e-5), name

    holds_only_with("objective", check, NearBaseWeights(strength=0.7))


def test_kl_of_a_captioner_is_between_the_next_tokens_of_base_and_model():
    model, base = trained("captioner"), tiny("captioner")

    def check(method):
        losses, context = seen(model, settings())
        _, theirs = seen(base, settings())
        p, q = theirs["logits"].detach().softmax(-1), context["logits"].softmax(-1)
        mask = context["token_mask"]
        each = torch.stack([(p[i] * (p[i] / q[i]).log()).sum(-1)[mask[i]].mean() for i in range(len(p))])
        weights = context["weights"]
        wanted = weighted_mean(losses, context) + method.strength * (each * weights).sum() / weights.sum()
        objective, ctx = objective_of(method, "captioner", settings(), base)
        found = objective(losses, context)
        assert torch.allclose(found, wanted, rtol=1e-4)
        ours, by_hand = gradients(found, model), gradients(wanted, model)
        for k, slope in by_hand.items():
            assert torch.allclose(ours[k], slope, atol=1e-5), k
        assert ctx.spent == {"network_evaluations": 2 * 4}

    holds_only_with("objective", check, NearBasePredictions(strength=0.7))


@pytest.mark.parametrize("name", ["sdxl_unet", "flow_unet"])
def test_kl_of_a_generator_is_the_squared_difference_of_predictions_on_the_same_noise(name):
    model, base = tiny("generator", name), tiny("generator", name)
    model.fit_pairs(pairs(), settings(), 0)
    fit = settings(condition_drop=0.5)

    def check(method):
        losses, context = seen(model, fit)
        batch = context["batch"]
        assert 0 < batch["dropped"].sum() < len(losses)
        text = {k: batch[k].clone() for k in base.encoders.nothing()}
        for key, empty in base.encoders.nothing().items():
            text[key][batch["dropped"]] = empty.to(text[key])
        with torch.no_grad():
            theirs = base.family.answer(batch["noisy"], batch["times"], text)
        each = (context["prediction"] - theirs).square().flatten(1).mean(1)
        wanted = weighted_mean(losses + method.strength * each, context)
        objective, ctx = objective_of(method, "generator", fit, base)
        found = objective(losses, context)
        assert each.min().item() > 0
        assert torch.allclose(found, wanted, rtol=1e-5)
        ours, by_hand = gradients(found, model), gradients(wanted, model)
        assert all(torch.allclose(ours[k], slope, atol=1e-5) for k, slope in by_hand.items())
        assert ctx.spent == {"network_evaluations": 2 * 4}

    holds_only_with("objective", check, NearBasePredictions(strength=0.7))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("method", [TruncatedCrossEntropy(0.08), NearBaseWeights(0.5), NearBasePredictions(0.5)])
def test_pieces_of_a_batch_add_up(side, method):
    """The whole fit is the same with three samples at a time, for the base that looks on too."""
    if side not in method.modalities:
        pytest.skip("acts on captioners only")
    fitted = []
    for micro in (0, 3):
        model, base = tiny(side), tiny(side)
        model.execution = base.execution = replace(Execution(), micro_batch=micro)
        objective, _ = objective_of(method, side, settings(), base)
        report = model.fit_pairs(pairs(), settings(), 0, objective=objective)
        fitted.append((report.losses, adapters.trained_state(model)))
    assert fitted[0][0] == pytest.approx(fitted[1][0], rel=1e-4)
    plain = trained(side)
    moved = max(float((v - fitted[0][1][k]).abs().max()) for k, v in adapters.trained_state(plain).items())
    assert moved > 0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: TruncatedCrossEntropy(0), "gamma: found 0; allowed: above 0, at most 1"),
        (lambda: NearBaseWeights(-1), "strength: found -1; allowed: a number above 0"),
        (lambda: NearBasePredictions(float("nan")), "strength: found nan; allowed: a number above 0"),
    ],
)
def test_knobs_are_checked(make, said):
    with pytest.raises(ValueError, match=said):
        make()

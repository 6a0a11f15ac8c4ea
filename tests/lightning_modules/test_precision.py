"""Micro-batches, memory, checkpointing, averages and bfloat16: what they may change, and what not."""

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback
from torch import nn

from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.fitting import gradients, runner
from lightning_modules.fitting.adapters import trained_state
from lightning_modules.fitting.module import FitModule
from lightning_modules.judges.clip import ClipJudge
from lightning_modules.settings import CaptionDecoding, Execution, FitSettings, ImageDecoding, Lora
from tests.lightning_modules.conftest import CAPTIONERS, GENERATORS, make_captioner, make_generator, make_judge

SEEDS = np.arange(12, dtype=np.uint64)


@pytest.fixture(scope="module")
def bases(scenes, siblings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bases")
    for name in CAPTIONERS:
        make_captioner(name, scenes).save(folder / name)
    for name in GENERATORS:
        make_generator(name, scenes, siblings).save(folder / name)
    make_judge("clip", scenes).save(folder / "clip")
    return folder


def load(bases, name, **options):
    return (CaptionerModule if name in CAPTIONERS else GeneratorModule).load(bases / name, **options)


def gradient(module, pairs, micro, objective=None, checkpointing=False):
    """Return the gradient of one step as the optimizer sees it, by parameter, and the loss."""
    found = {}

    class Seen(Callback):
        def on_before_optimizer_step(self, trainer, module, optimizer):
            found.update({k: p.grad.clone() for k, p in module.named_parameters() if p.grad is not None})

    module.execution = Execution(micro_batch=micro, gradient_checkpointing=checkpointing)
    weights = np.linspace(0, 2, len(pairs)).astype(np.float32)
    data = module.encode(pairs.images, pairs.captions, weights)
    settings = FitSettings(1, 0.0, 7, condition_drop=0.3, gradient_clip=0.0)
    report = runner.fit(module, data, settings, 3, objective, callbacks=[Seen()])
    return found, report.losses[0]


def assert_equal(one, two, tolerance=1e-6):
    assert one[0].keys() == two[0].keys() != set()
    largest = max(float(v.abs().max()) for v in one[0].values())
    for name, value in one[0].items():
        torch.testing.assert_close(two[0][name], value, atol=tolerance * max(1.0, largest), rtol=1e-4)
    assert two[1] == pytest.approx(one[1], rel=1e-5)


@pytest.mark.parametrize("name", [*CAPTIONERS, *GENERATORS])
@pytest.mark.parametrize("micro", [1, 3])
def test_micro_batches_add_up_to_the_whole_batch(name, micro, bases, pairs):
    assert_equal(gradient(load(bases, name), pairs, 0), gradient(load(bases, name), pairs, micro))


def contrast(losses, context):
    """Looks at everything: other samples, what the network said, and the weights of the network themselves."""
    penalty = sum(p.square().sum() for p in context["module"].parameters() if p.requires_grad)
    if "logits" in context:
        assert ((context["labels"] != -100) == context["token_mask"]).all()
        said = context["logits"].softmax(-1).square().sum(-1)[context["token_mask"]].std()
        said = said + context["token_losses"][context["token_mask"]].std()
    else:
        said = context["prediction"].abs().mean() + (context["prediction"] * context["target"]).std()
    return (losses.softmax(0) * losses).sum() + said + 1e-3 * penalty


@pytest.mark.parametrize("name", ["git", "sdxl_unet"])
def test_any_objective_of_the_whole_batch_keeps_its_gradient(name, bases, pairs):
    whole = gradient(load(bases, name), pairs, 0, contrast)
    assert_equal(whole, gradient(load(bases, name), pairs, 2, contrast))


class Line(FitModule):
    """Fits y = w x to noisy x; notes how many samples it sees at once, and runs out of memory above a number."""

    def __init__(self, room=100):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.room, self.seen = room, []

    def draw(self, batch, settings):
        return {"noise": torch.randn(len(batch["x"]))}

    def losses(self, batch, settings):
        self.seen.append(len(batch["x"]))
        if len(batch["x"]) > self.room:
            raise torch.OutOfMemoryError("no room")
        return (self.weight * batch["x"] + batch["noise"] - batch["y"]).square(), {"mean": batch["x"].mean()}


def line(module, settings=None, execution=None, objective=None):
    x = torch.arange(10, dtype=torch.float32) / 10
    data = {"x": x, "y": 2 * x, "weights": x + 1}
    module.execution = execution or Execution()
    return runner.fit(module, data, settings or FitSettings(5, 1e-2, 8), 0, objective)


def test_out_of_memory_halves_the_micro_batch_and_tries_the_step_again():
    plain, short = Line(), Line(room=3)
    expected, report = line(plain), line(short)
    assert short.seen == [8, 4, *[2] * 20], "once found, the size is kept"
    assert report.losses == pytest.approx(expected.losses, rel=1e-6)
    assert short.weight.item() == pytest.approx(plain.weight.item(), abs=1e-6)
    with pytest.raises(torch.OutOfMemoryError):
        line(Line(room=0))


def test_out_of_memory_in_the_middle_of_a_step_leaves_nothing_behind(bases, pairs, monkeypatch):
    """The second of three pieces fails, after the first has left its gradient."""
    fail, real, calls = {1}, gradients.backward, []

    def backward(loss):
        calls.append(1)
        real(loss)
        if len(calls) - 1 in fail:
            raise torch.OutOfMemoryError("no room")

    expected = gradient(load(bases, "git"), pairs, 0)
    monkeypatch.setattr(gradients, "backward", backward)
    assert_equal(expected, gradient(load(bases, "git"), pairs, 3))
    assert len(calls) == 2 + 4, "two pieces of 3, then 7 rows two at a time"


def test_an_objective_on_what_is_not_by_rows_is_refused_in_pieces():
    def objective(losses, context):
        return losses.mean() + context["mean"]

    line(Line(), objective=objective)
    with pytest.raises(ValueError, match="'mean' is not by rows"):
        line(Line(), execution=Execution(micro_batch=4), objective=objective)


def test_a_contrast_within_the_batch_cannot_be_split(scenes, pairs):
    judge = make_judge("clip", scenes)
    judge.execution = Execution(micro_batch=4)
    with pytest.raises(ValueError, match="ClipJudge cannot be split"):
        runner.fit(judge, judge.encode(pairs.images, pairs.captions), FitSettings(1, 1e-3, 8), 0)


@pytest.mark.parametrize("name", ["blip2", "git", "vit_gpt2", "sdxl_unet", "dit"])
def test_checkpointing_recomputes_and_changes_nothing(name, bases, pairs):
    module, calls = load(bases, name), []
    for layer in module.modules():
        if type(layer).__name__ in ("OPTAttention", "GitSelfAttention", "GPT2Attention", "Attention"):
            layer.register_forward_hook(lambda *_: calls.append(1))
    plain = gradient(module, pairs, 0)
    once = len(calls)
    again = gradient(module, pairs, 0, checkpointing=True)
    assert_equal(plain, again)
    assert len(calls) - once > once > 0, "the backward pass ran layers a second time"
    calls.clear()
    gradient(module, pairs, 0)
    assert len(calls) == once, "and the fit after it does not"


def test_an_average_of_the_weights_takes_their_place():
    class Track(Callback):
        kept: list = []  # noqa: RUF012

        def on_train_batch_end(self, trainer, module, *_):
            self.kept.append(module.weight.item())

    module = Line()
    settings = FitSettings(6, 1e-2, 8, average=0.5)
    x = torch.arange(10, dtype=torch.float32) / 10
    runner.fit(module, {"x": x, "y": 2 * x, "weights": x + 1}, settings, 0, callbacks=[Track()])
    expected = 0.0
    for step, value in enumerate(Track.kept):
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert module.weight.item() == pytest.approx(expected, rel=1e-6)
    assert module.weight.item() != pytest.approx(Track.kept[-1])


# --- bfloat16


@pytest.mark.parametrize("name", ["blip2", "git", "sdxl_unet", "flow_unet", "dit"])
def test_bf16_runs_in_bf16_and_trains_in_float32(name, bases, pairs):
    module, kinds = load(bases, name), set()
    for layer in module.trained_part().modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_hook(lambda _, inputs, output: kinds.add(output.dtype))
    before = trained_state(module)
    report = module.fit_pairs(pairs, FitSettings(3, 1e-2, 5, precision="bf16"), 0)
    exact = load(bases, name).fit_pairs(pairs, FitSettings(3, 1e-2, 5), 0)
    assert torch.bfloat16 in kinds
    assert {p.dtype for p in module.parameters()} == {torch.float32}
    assert report.losses[0] == pytest.approx(exact.losses[0], rel=0.05)
    assert report.losses != exact.losses
    assert any(not torch.equal(v, before[k]) for k, v in trained_state(module).items())


@pytest.mark.parametrize("name", ["git", "sdxl_unet"])
def test_bf16_micro_batches_keep_their_gradient(name, bases, pairs):
    """Also through the pass without gradients, whose casts must not be used again."""
    states = []
    for micro in (0, 2):
        module = load(bases, name)
        module.execution = Execution(micro_batch=micro)
        before = trained_state(module)
        module.fit_pairs(pairs, FitSettings(1, 1e-3, 6, precision="bf16", gradient_clip=0.0), 0, contrast)
        states.append({k: v - before[k] for k, v in trained_state(module).items()})
    one, two = (torch.cat([v.flatten() for v in state.values()]) for state in states)
    assert two.any()
    assert torch.nn.functional.cosine_similarity(one, two, dim=0) > 0.95


@pytest.mark.parametrize("name", ["blip2", "sdxl_unet"])
@pytest.mark.parametrize("lora", [None, Lora(2, 4.0)])
def test_a_base_in_bfloat16(name, lora, bases, pairs, tmp_path):
    """Frozen weights stay bfloat16, trained ones are float32, and a saved one comes back as it was."""
    settings = FitSettings(2, 1e-3, 5, precision="bf16", lora=lora)

    def make(module):
        if name in CAPTIONERS:
            return module.generate(pairs.images, CaptionDecoding(max_new_tokens=6), SEEDS).outputs
        return module.generate(pairs.captions, ImageDecoding(3, 2.0), SEEDS).outputs.astype(int)

    module = load(bases, name, dtype="bfloat16")
    full = make(load(bases, name))
    assert len(make(module)) == len(full)
    with pytest.raises(ValueError, match="loaded as bfloat16: a fit of it needs precision bf16"):
        module.fit_pairs(pairs, FitSettings(1, 1e-3, 5), 0)
    module.fit_pairs(pairs, settings, 0)
    assert {p.dtype for p in module.parameters() if p.requires_grad} == {torch.float32}
    assert torch.bfloat16 in {p.dtype for p in module.parameters() if not p.requires_grad}
    module.save(tmp_path)
    again = type(module).load(tmp_path)
    assert again.loaded_as == "bfloat16"
    ours, theirs = (dict(m.named_parameters()) for m in (module, again))
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert theirs[key].dtype == value.dtype, key
        assert torch.equal(theirs[key], value), key
    assert np.all(np.array(make(module)) == np.array(make(again)))
    for each in (module, again):
        each.fit_pairs(pairs, settings, 1)
    ours, theirs = (dict(m.named_parameters()) for m in (module, again))
    assert all(torch.equal(theirs[key], value) for key, value in ours.items())


def test_a_judge_in_bfloat16_sees_nearly_the_same(bases, pairs):
    exact, half = (ClipJudge.load(bases / "clip", dtype=d).embed_images(pairs.images) for d in ("float32", "bfloat16"))
    assert half.dtype == np.float32
    assert not np.array_equal(exact, half)
    np.testing.assert_allclose(half, exact, atol=0.05 * np.abs(exact).max())
    with pytest.raises(ValueError, match="found 'float16'; allowed: float32, bfloat16"):
        ClipJudge.load(bases / "clip", dtype="float16")

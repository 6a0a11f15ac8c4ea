"""One fit on two processes: the same as on one, since the batch is what it was."""

import numpy as np
import pytest
import torch
from torch import nn

from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.fitting import across, devices, runner
from lightning_modules.fitting.adapters import trained_state
from lightning_modules.fitting.contracts import NonFiniteLoss
from lightning_modules.fitting.module import FitModule
from lightning_modules.fitting.objectives import weighted_mean
from lightning_modules.settings import Execution, FitSettings, Lora
from tests.lightning_modules.conftest import make_captioner, make_generator

TWO = Execution(devices=2)


class Line(FitModule):
    """Fits y = w x to noisy x; one weight is never used."""

    def __init__(self):
        super().__init__()
        self.weight, self.unused = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.ones(1))

    def draw(self, batch, settings):
        return {"noise": torch.randn(len(batch["x"]))}

    def losses(self, batch, settings):
        predicted = self.weight * batch["x"] + batch["noise"]
        return (predicted - batch["y"]).square(), {"predicted": predicted}


def entropic(losses, context):
    """An objective of the whole batch: of all losses, of what was predicted, and of the weights."""
    penalty = context["module"].weight.square().sum()
    return (losses.softmax(0) * losses).sum() + context["predicted"].std() + 0.1 * penalty


def infinite(losses, context):
    return losses.mean() * (float("inf") if context["step"] == 1 else 1.0)


def line(execution, objective=None, told=None, module=None, **changes):
    module, x = module or Line(), torch.arange(11, dtype=torch.float32) / 10
    module.execution = execution
    settings = FitSettings(**{"steps": 4, "learning_rate": 1e-1, "batch_size": 5, "weight_decay": 0.1, **changes})
    progress = None if told is None else lambda *done: told.append(done)
    report = runner.fit(module, {"x": x, "y": 2 * x, "weights": x + 1}, settings, 0, objective, progress)
    return module.weight.item(), module.unused.item(), report.losses


@pytest.mark.slow
@pytest.mark.parametrize("objective", [None, entropic])
def test_two_processes_do_what_one_does(objective):
    """Five samples on two devices, three and two of them; in pieces of two, and with an average of the weights."""
    one = line(Execution(), objective, average=0.9)
    told = []
    two = line(Execution(devices=2, micro_batch=2), objective, told, average=0.9)
    assert two[0] == pytest.approx(one[0], abs=1e-5)
    assert two[1] == one[1] == 1.0, "a weight without gradient is left alone, also by the decay"
    assert two[2] == pytest.approx(one[2], abs=1e-5)
    assert one[0] != 0
    assert told == [(step, 4) for step in (1, 2, 3, 4)]


class Cramped(Line):
    """Has no memory for more than one row on the second device, on the way that is asked for."""

    def __init__(self, looking=False):
        super().__init__()
        self.looking = looking

    def losses(self, batch, settings):
        cramped = self.trainer.world_size > 1 and self.trainer.global_rank == 1
        if cramped and torch.is_grad_enabled() is not self.looking and len(batch["x"]) > 1:
            raise torch.OutOfMemoryError("no room")
        return super().losses(batch, settings)


@pytest.mark.slow
@pytest.mark.parametrize(("objective", "looking"), [(None, False), (entropic, False), (entropic, True)])
def test_one_of_two_devices_runs_out_of_memory(objective, looking):
    """The other one neither waits for ever nor adds its part twice."""
    one = line(Execution(), objective)
    two = line(TWO, objective, module=Cramped(looking))
    assert two[:2] == pytest.approx(one[:2], abs=1e-5)
    assert two[2] == pytest.approx(one[2], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["captioner", "generator"])
def test_models_fit_the_same_on_two_processes(kind, scenes, siblings, pairs, tmp_path):
    module = make_captioner("blip2", scenes) if kind == "captioner" else make_generator("sdxl_unet", scenes, siblings)
    module.save(tmp_path)
    lora = Lora(2, 4.0) if kind == "captioner" else None
    settings, states = FitSettings(3, 1e-3, 5, condition_drop=0.3, lora=lora), []
    for execution in (Execution(), TWO, Execution(micro_batch=2)):
        module = (CaptionerModule if kind == "captioner" else GeneratorModule).load(tmp_path)
        module.execution = execution
        before = trained_state(module)
        report = module.fit_pairs(pairs, settings, 0)
        states.append((trained_state(module), report.losses))
    assert any(not torch.equal(v, before.get(k, torch.zeros(()))) for k, v in states[1][0].items())
    assert states[0][0].keys() == states[1][0].keys()
    np.testing.assert_allclose(states[1][1], states[0][1], atol=1e-5)
    # A bias before a normalisation has no gradient but rounding, which Adam blows up: in pieces it differs as well.
    one, two, pieces = (state for state, _ in states)
    steady = [k for k in one if torch.allclose(one[k], pieces[k], atol=1e-5, rtol=1e-4)]
    assert len(steady) > 0.8 * len(one)
    for name in steady:
        torch.testing.assert_close(two[name], one[name], atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_a_loss_that_is_no_number_names_its_step_here_too():
    with pytest.raises(NonFiniteLoss) as caught:
        line(TWO, infinite)
    assert caught.value.step == 1


def test_what_cannot_be_shared_out_is_refused_before_anything_starts():
    def local(losses, context):
        return losses.mean()

    with pytest.raises(ValueError, match="cannot be sent to other processes"):
        line(TWO, local)
    with pytest.raises(ValueError, match="a batch of 1 cannot be shared out over 2 devices"):
        line(TWO, batch_size=1)
    with pytest.raises(ValueError, match="started by torchrun"):
        line(Execution(nodes=2))


def test_devices_tell_one_another_on_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where memory ran out before there was a loss: NCCL knows no tensors of the processor."""
    where: list[torch.device] = []
    monkeypatch.setattr(across, "_told", lambda found, world: [None] * world)
    monkeypatch.setattr(across, "_anywhere", lambda full, device: where.append(device) or full)

    def losses(rows: torch.Tensor) -> None:
        raise torch.OutOfMemoryError("no room")

    assert across.pieces(losses, weighted_mean, 4, 2, 0, 2, torch.device("meta")) is None
    assert where == [torch.device("meta")]


def test_devices_are_counted():
    assert devices.count(Execution()) == 1
    assert devices.count(Execution(devices=3)) == 3
    assert devices.count(Execution(devices="auto")) == max(1, torch.cuda.device_count())

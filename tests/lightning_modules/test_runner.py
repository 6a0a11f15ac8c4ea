"""Steps, order, schedule, progress, and losses that are no numbers."""

import numpy as np
import pytest
import torch
from pytorch_lightning import LightningModule
from torch import nn

from lightning_modules.fitting import order, runner
from lightning_modules.fitting.callbacks import Average, Checkpoint
from lightning_modules.fitting.contracts import NonFiniteLoss
from lightning_modules.fitting.module import FitModule
from lightning_modules.fitting.objectives import weighted_mean
from lightning_modules.fitting.order import StepOrder
from lightning_modules.settings import FitSettings


class Line(FitModule):
    """Fits y = w x, with noise so that random numbers matter."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.seen: list[list[float]] = []

    def losses(self, batch, settings):
        self.seen.append(batch["x"].tolist())
        noise = 0.1 * torch.randn(len(batch["x"]))
        return (self.weight * batch["x"] + noise - batch["y"]).square(), {"x": batch["x"]}


def data(n=10, weights=None):
    x = torch.arange(n, dtype=torch.float32)
    return {"x": x, "y": 2 * x, "weights": torch.ones(n) if weights is None else weights}


def test_exactly_the_steps_asked_for():
    module, told = Line(), []
    report = runner.fit(module, data(), FitSettings(7, 1e-2, 4), seed=0, progress=lambda *a: told.append(a))
    assert (report.steps, report.samples, report.network_evaluations) == (7, 28, 28)
    assert len(report.losses) == 7
    assert told == [(i, 7) for i in range(1, 8)]


def test_no_steps_change_nothing():
    module = Line()
    assert runner.fit(module, data(), FitSettings(0, 1e-2), seed=0).losses == []
    assert module.weight.item() == 0


def test_samples_are_seen_equally_often_across_laps():
    module = Line()
    runner.fit(module, data(10), FitSettings(5, 1e-2, 4), seed=3)
    seen = [x for batch in module.seen for x in batch]
    assert sorted(seen) == sorted(list(range(10)) * 2)
    assert sorted(seen[:10]) == list(range(10))


def test_equal_seeds_give_equal_weights_and_others_do_not():
    def weight(seed):
        module = Line()
        runner.fit(module, data(), FitSettings(20, 1e-2, 4, gradient_clip=0.0), seed=seed)
        return module.weight.item()

    assert weight(1) == weight(1)
    assert weight(1) != weight(2)


def test_the_global_random_state_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    runner.fit(Line(), data(), FitSettings(3, 1e-2, 4), seed=0)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_names_its_step(bad):
    def objective(losses, context):
        return losses.mean() * (bad if context["step"] == 3 else 1.0)

    with pytest.raises(NonFiniteLoss) as caught:
        runner.fit(Line(), data(), FitSettings(9, 1e-2, 4), seed=0, objective=objective)
    assert caught.value.step == 3


def test_nothing_to_fit_on_is_an_error():
    with pytest.raises(ValueError, match="empty"):
        runner.fit(Line(), data(0), FitSettings(2, 1e-2), seed=0)


def test_weights_decide_what_counts():
    weights = torch.zeros(10)
    weights[3] = 1.0
    total = weighted_mean(torch.arange(10.0), {"weights": weights})
    assert total.item() == pytest.approx(3.0)


def test_schedules():
    factor = order.constant(warmup=4)
    assert [factor(s) for s in (0, 3, 4, 100)] == pytest.approx([0.2, 0.8, 1.0, 1.0])
    falling = order.cosine(0, 10)
    assert falling(0) == pytest.approx(1.0)
    assert falling(10) == pytest.approx(0.0)


def test_a_cut_training_goes_on_bit_for_bit(tmp_path):
    settings, schedule = FitSettings(12, 1e-2, 4), order.cosine(2, 12)

    def train(stop=None):
        module = Line()
        average = Average(module, 0.9)
        checkpoint = Checkpoint(tmp_path / "state.pt", average, seconds=0)
        start = checkpoint.read(module)

        def objective(values, context):
            if context["step"] == stop:
                raise KeyboardInterrupt
            return weighted_mean(values, context)

        report = runner.fit(
            module,
            data(),
            settings,
            0,
            objective=objective,
            schedule=schedule,
            callbacks=[average, checkpoint],
            start=start,
        )
        return module.weight.item(), average.weights["weight"].item(), report.losses

    whole = train()
    (tmp_path / "state.pt").unlink()
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(stop=5)
    assert train() == whole


def test_a_prediction_covers_everything():
    class Echo(LightningModule):
        def predict_step(self, batch, batch_idx):
            return batch

    told = []
    assert runner.predict(Echo(), 5, 2, lambda *done: told.append(done)) == [[0, 1], [2, 3], [4]]
    assert told == [(2, 5), (4, 5), (5, 5)]
    assert runner.predict(Echo(), 0, 2) == []


def test_order_does_not_depend_on_where_it_starts():
    whole = StepOrder(7, 3, 6, seed=1)
    rest = StepOrder(7, 3, 6, seed=1, first=4)
    assert len(rest) == 2
    np.testing.assert_array_equal(whole[4][1], rest[0][1])
    assert rest[0][0] == 4


def test_a_model_stays_where_it_is_when_it_is_done(monkeypatch):
    """Lightning would move it to the processor's memory after every fit and every prediction, all of it."""

    def moved(self):
        pytest.fail("it was moved")

    monkeypatch.setattr(Line, "cpu", moved)
    monkeypatch.setattr(Line, "predict_step", lambda self, batch, batch_idx: sum(batch), raising=False)
    module = Line()
    runner.fit(module, data(), FitSettings(2, 1e-2, 4), seed=0)
    assert runner.predict(module, 3, 2) == [1, 2]
    assert module._trainer is None or module.trainer.strategy.optimizers == []

"""Fit and predict through `pytorch_lightning.Trainer`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytorch_lightning import Callback, LightningModule
from torch import Tensor
from torch.utils.data import DataLoader

from lightning_modules.fitting import devices, ranks, starts
from lightning_modules.fitting.callbacks import Told
from lightning_modules.fitting.contracts import FitReport, Objective, Progress, Schedule, Start
from lightning_modules.fitting.module import FitModule
from lightning_modules.fitting.order import StepOrder
from lightning_modules.fitting.training import notices_silenced, train, trainer
from lightning_modules.settings import FitSettings


def fit(
    module: FitModule,
    data: dict[str, Tensor],
    settings: FitSettings,
    seed: int,
    objective: Objective | None = None,
    progress: Progress | None = None,
    schedule: Schedule | None = None,
    callbacks: Sequence[Callback] = (),
    start: Start | None = None,
) -> FitReport:
    """Train `module` on `data` for exactly `settings.steps` steps with a fresh AdamW (1711.05101).

    Args:
        module: has `losses(batch, settings) -> ((b,) losses, context)`; how it goes about the fit stands in its
            `execution`.
        data: tensors with n rows each; "weights" (n,) are the loss weights.
        settings: how to train.
        seed: decides the order of the data, the noise and dropout.
        objective: turns the losses (b,) and the context into one number; default `weighted_mean`.
        progress: called as progress(done, total) after every step.
        schedule: factor on the learning rate per step; default constant after the warm-up.
        callbacks: Lightning callbacks beside the runner's own.
        start: where a cut run goes on.

    Returns:
        FitReport: `steps` and `samples` count from 0 even if a cut run went on.

    Raises:
        NonFiniteLoss: at the first step whose loss is NaN or infinite.
        ValueError: there is nothing to fit on, or the module cannot be trained as `settings` and its execution ask.
    """
    first = start.step if start else 0
    order = StepOrder(len(data["weights"]), settings.batch_size, settings.steps, seed, first)
    if settings.precision == "tf32" and module.loaded_as != "float32":
        raise ValueError(f"the model is loaded as {module.loaded_as}: a fit of it needs precision bf16, not tf32")
    starts.prepare(module, settings, seed)
    several = devices.world(module.execution)
    if several > settings.batch_size:
        raise ValueError(f"a batch of {settings.batch_size} cannot be shared out over {several} devices")
    if several > 1 and not devices.inside(module.execution) and len(order):
        if callbacks or first or schedule is not None:
            raise ValueError("checkpoints, callbacks and schedules of one's own need a fit on one device")
        losses = ranks.fit(module, data, order, settings, seed, objective, progress)
    else:
        losses = train(module, data, order, settings, seed, objective, progress, schedule, callbacks, start)
    samples = settings.steps * settings.batch_size
    return FitReport(settings.steps, samples, samples, losses)


def predict(module: LightningModule, n: int, batch_size: int, progress: Progress | None = None) -> list[Any]:
    """Return what `module.predict_step` says of the numbers of n samples, per batch, without gradients.

    `progress` is called as progress(samples done, samples in all).
    """
    chunks = [list(range(i, min(n, i + batch_size))) for i in range(0, n, batch_size)]
    if not chunks:
        return []
    with notices_silenced():
        precision = "bf16-mixed" if getattr(module, "loaded_as", "float32") == "bfloat16" else "32-true"
        loader = DataLoader(chunks, batch_size=None, collate_fn=list)
        return list(trainer(callbacks=[Told(progress, n)], precision=precision).predict(module, loader) or [])

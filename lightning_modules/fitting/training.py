"""One fit in this process, by Lightning's `Trainer`, quietly and with little overhead.

Every random number of training step s comes from (seed, s) and the samples of step s follow from
(seed, s) too, so a run can be cut at any step and go on, bit for bit.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor
from torch.utils.data import DataLoader

from lightning_modules.fitting import devices
from lightning_modules.fitting.callbacks import Average, Told
from lightning_modules.fitting.contracts import Objective, Progress, Schedule, Start
from lightning_modules.fitting.gradients import checkpointed
from lightning_modules.fitting.module import FitModule
from lightning_modules.fitting.objectives import weighted_mean
from lightning_modules.fitting.order import StepOrder, constant
from lightning_modules.fitting.precision import tf32
from lightning_modules.settings import FitSettings


def train(
    module: FitModule,
    data: dict[str, Tensor],
    order: StepOrder,
    settings: FitSettings,
    seed: int,
    objective: Objective | None,
    progress: Progress | None,
    schedule: Schedule | None = None,
    callbacks: Sequence[Callback] = (),
    start: Start | None = None,
) -> list[float]:
    """Run the steps of `order`; all else is as in `runner.fit`. Return the loss of every step, from the first on."""
    start = start or Start()
    average = Average(module, settings.average) if settings.average else None
    schedule = schedule or constant(settings.warmup)
    module.start_fit(data, settings, seed, objective or weighted_mean, schedule, start.optimizer)
    if len(order):
        heard = [Told(progress, settings.steps, start.step), *callbacks, *([average] if average else [])]
        precision = {"bf16": "bf16-mixed"}.get(settings.precision, "32-true")
        with (
            notices_silenced(),
            tf32(settings.precision == "tf32"),
            torch.random.fork_rng(devices=range(torch.cuda.device_count())),
            checkpointed(module, module.execution.gradient_checkpointing),
        ):
            options = {"precision": precision, "callbacks": heard, **devices.options(module.execution)}
            run = trainer(max_steps=len(order), max_epochs=1, **options)
            run.fit(module, DataLoader(order, batch_size=None))
    losses = [*start.losses, *module.end_fit()]
    if average is not None:
        average.copy_to(module)
    return losses


def trainer(**options: Any) -> Trainer:
    """Return a trainer on one device, where `options` say nothing else.

    Its root is no folder: under Slurm, Lightning writes `hpc_ckpt_*.ckpt` there when a job is about to end, and loads
    what lies there into the next model, whatever that is.
    """
    alone = {
        "accelerator": devices.device().type,
        "strategy": devices.Stays(),
        "devices": 1,
        "plugins": [devices.Alone()],
        "default_root_dir": os.devnull,
    }
    return Trainer(**{**alone, "barebones": True, "inference_mode": True, **options})


@contextmanager
def notices_silenced() -> Iterator[None]:
    """Silence Lightning's notices: hardware, hints about workers and loggers."""
    libraries = ("pytorch_lightning", "lightning_fabric")
    names = (*libraries, "pytorch_lightning.utilities.rank_zero", "lightning_fabric.utilities")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pytorch_lightning.*|lightning_fabric.*|torch\.utils\.data.*")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)

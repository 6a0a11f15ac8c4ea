"""Fit and predict through `pytorch_lightning.Trainer`, quietly and with little overhead.

Every random number of training step s comes from (seed, s) and the samples of step s follow from
(seed, s) too, so a run can be cut at any step and go on, bit for bit.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lightning_modules.fitting import adapters, gradients, ranks
from lightning_modules.fitting.callbacks import Average
from lightning_modules.seeds import derive
from lightning_modules.settings import FitSettings

if TYPE_CHECKING:
    from lightning_modules.fitting.module import FitModule

Objective = Callable[[Tensor, dict[str, Any]], Tensor]
Progress = Callable[[int, int], None]
Schedule = Callable[[int], float]


class NonFiniteLoss(RuntimeError):
    """The loss of a training step was NaN or infinite.

    Attributes:
        step: the step, from 0.
    """

    def __init__(self, step: int) -> None:
        """Remember the step."""
        super().__init__(f"the loss became NaN or infinite in step {step}")
        self.step = step


@dataclass(frozen=True)
class FitReport:
    """What a fit did: optimizer steps, samples seen, network evaluations, the loss of every step."""

    steps: int
    samples: int
    network_evaluations: int
    losses: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Generated:
    """What a model made: n captions or (n, H, W, 3) uint8 images, and what that took."""

    outputs: Any
    network_evaluations: int


class StepOrder(Dataset):
    """Sample numbers of each training step.

    The steps walk through permutations of 0..n-1 laid end to end, so no epoch ends inside a run
    and every sample is seen equally often (to within one).
    """

    def __init__(self, n: int, batch_size: int, steps: int, seed: int, first: int = 0) -> None:
        """Walk over `n` samples, from step `first` to step `steps`."""
        if n < 1:
            raise ValueError("nothing to fit on: the set of pairs is empty")
        self.n, self.batch_size, self.steps, self.seed, self.first = n, batch_size, steps, seed, first
        self._permutations: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        """Return the number of steps left."""
        return max(0, self.steps - self.first)

    def _permutation(self, lap: int) -> np.ndarray:
        if lap not in self._permutations:
            self._permutations = {k: v for k, v in self._permutations.items() if k >= lap - 1}
            self._permutations[lap] = np.random.default_rng(derive(self.seed, "order", lap)).permutation(self.n)
        return self._permutations[lap]

    def __getitem__(self, item: int) -> tuple[int, np.ndarray]:
        """Return (step, sample numbers (batch_size,))."""
        step = self.first + item
        places = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        return step, np.array([self._permutation(int(p) // self.n)[int(p) % self.n] for p in places])


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's notices: hardware, hints about workers and loggers."""
    names = (
        "pytorch_lightning",
        "lightning_fabric",
        "pytorch_lightning.utilities.rank_zero",
        "lightning_fabric.utilities",
    )
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


class _Told(Callback):
    """Passes progress on."""

    def __init__(self, progress: Progress | None, total: int, first: int = 0) -> None:
        self.progress, self.total, self.done = progress, total, first

    def _advance(self, by: int) -> None:
        self.done += by
        if self.progress is not None:
            self.progress(self.done, self.total)

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._advance(1)

    def on_predict_batch_end(
        self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._advance(len(batch))


def device() -> torch.device:
    """Return where models run: the accelerator if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def loss_weights(n: int, weights: np.ndarray | None) -> Tensor:
    """Return loss weights (n,) float32, all one where none are given."""
    return torch.ones(n) if weights is None else torch.as_tensor(weights, dtype=torch.float32)


def _trainer(**options: Any) -> Trainer:
    return Trainer(**{"accelerator": "auto", "devices": 1, "barebones": True, "inference_mode": True, **options})


def weighted_mean(losses: Tensor, context: dict[str, Any]) -> Tensor:
    """Return the mean of the per-sample losses (b,), weighted by context["weights"] (b,)."""
    weights = context["weights"]
    return (losses * weights).sum() / weights.sum().clamp_min(1e-8)


def constant(warmup: int) -> Schedule:
    """Return a learning rate factor: linear warm-up, then 1."""
    return lambda step: min(1.0, (step + 1) / (warmup + 1))


def cosine(warmup: int, steps: int) -> Schedule:
    """Return a learning rate factor: linear warm-up, then half a cosine down to 0 at `steps`."""
    return lambda step: (
        min(1.0, (step + 1) / (warmup + 1)) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))
    )


def fit(
    module: FitModule,
    data: dict[str, Tensor],
    settings: FitSettings,
    seed: int,
    objective: Objective | None = None,
    progress: Progress | None = None,
    schedule: Schedule | None = None,
    callbacks: Sequence[Callback] = (),
    first: int = 0,
    optimizer_state: dict[str, Any] | None = None,
    losses: Sequence[float] = (),
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
        first: the first step to run; above 0 when a cut run goes on.
        optimizer_state: the optimizer's state when a cut run goes on.
        losses: of the steps before `first`.

    Returns:
        FitReport: `steps` and `samples` count from 0 even if a cut run went on.

    Raises:
        NonFiniteLoss: at the first step whose loss is NaN or infinite.
        ValueError: there is nothing to fit on, or the module cannot be trained as `settings` and its execution ask.
    """
    order = StepOrder(len(data["weights"]), settings.batch_size, settings.steps, seed, first)
    adapters.prepare(module, settings, seed)
    samples, several = settings.steps * settings.batch_size, module.execution.nodes * ranks.count(module.execution)
    if several > settings.batch_size:
        raise ValueError(f"a batch of {settings.batch_size} cannot be shared out over {several} devices")
    devices = ranks.options(module.execution) if several > 1 else {}
    if several > 1 and not ranks.inside() and len(order):
        if callbacks or first or schedule is not None:
            raise ValueError("checkpoints, callbacks and schedules of one's own need a fit on one device")
        told = ranks.fit(module, data, settings, seed, objective, progress)
        return FitReport(settings.steps, samples, samples, told)
    average = Average(module, settings.average) if settings.average else None
    module.start_fit(
        data, settings, seed, objective or weighted_mean, schedule or constant(settings.warmup), optimizer_state
    )
    if len(order):
        heard = [_Told(progress, settings.steps, first), *callbacks, *([average] if average else [])]
        plugged = {"bf16": "bf16-mixed", "32": "32-true"}[settings.precision]
        loader = DataLoader(order, batch_size=None)
        with (
            _quiet(),
            torch.random.fork_rng(devices=range(torch.cuda.device_count())),
            gradients.checkpointed(module, module.execution.gradient_checkpointing),
        ):
            trainer = _trainer(
                max_steps=settings.steps - first, max_epochs=1, precision=plugged, callbacks=heard, **devices
            )
            trainer.fit(module, loader)
    told = [*losses, *module.end_fit()]
    if average is not None:
        average.copy_to(module)
    return FitReport(settings.steps, samples, samples, told)


def predict(module: LightningModule, chunks: Sequence[Sequence[int]], progress: Progress | None = None) -> list[Any]:
    """Run `module.predict_step` over chunks of sample numbers, without gradients.

    Args:
        module: reads its inputs by sample number.
        chunks: sample numbers of each batch.
        progress: called as progress(samples done, samples in all).

    Returns:
        list: what `predict_step` returned, per chunk.
    """
    if not chunks:
        return []
    with _quiet():
        precision = "bf16-mixed" if getattr(module, "loaded_as", "float32") == "bfloat16" else "32-true"
        trainer = _trainer(callbacks=[_Told(progress, sum(map(len, chunks)))], precision=precision)
        return list(trainer.predict(module, DataLoader(list(chunks), batch_size=None, collate_fn=list)) or [])


def chunked(n: int, size: int) -> list[list[int]]:
    """Split 0..n-1 into runs of at most `size`."""
    return [list(range(i, min(n, i + size))) for i in range(0, n, size)]

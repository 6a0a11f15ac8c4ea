"""Callbacks of a fit: progress, a moving average of the weights, and checkpoints to go on from."""

from __future__ import annotations

import os
import pickle
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback
from torch import Tensor, nn

from lightning_modules.fitting.contracts import Progress, Start
from records.leftovers import abandoned, mark


class Told(Callback):
    """Passes progress on."""

    def __init__(self, progress: Progress | None, total: int, first: int = 0) -> None:
        self.progress, self.total, self.done = progress, total, first

    def _advance(self, by: int) -> None:
        self.done += by
        if self.progress is not None:
            self.progress(self.done, self.total)

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Count a step."""
        self._advance(1)

    def on_predict_batch_end(
        self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Count the samples of a batch."""
        self._advance(len(batch))


class Average(Callback):
    """Keeps an exponential moving average of the trainable weights (2006.11239, appendix B).

    Attributes:
        decay: of the average; early steps use (1 + s) / (10 + s) where that is smaller.
        weights: the average by parameter name.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights: dict[str, Tensor] = {
            k: p.detach().clone() for k, p in module.named_parameters() if p.requires_grad
        }

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Follow the weights to where they are trained."""
        places = {name: parameter.device for name, parameter in module.named_parameters()}
        self.weights = {name: value.to(places[name]) for name, value in self.weights.items()}

    @torch.no_grad()
    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the average."""
        decay = min(self.decay, (1 + batch[0]) / (10 + batch[0]))
        now = [p.detach() for p in module.parameters() if p.requires_grad]
        torch._foreach_lerp_(list(self.weights.values()), now, 1 - decay)

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        """Put the average in place of the module's weights."""
        for name, parameter in module.named_parameters():
            if name in self.weights:
                parameter.copy_(self.weights[name])


class Checkpoint(Callback):
    """Writes the state of a training every so often, so that a killed run goes on where it was.

    Attributes:
        of: what is trained; a file of another training, or one that cannot be read, is not gone on from.
    """

    def __init__(self, file: Path, average: Average | None, seconds: float = 120.0, of: str = "") -> None:
        self.file, self.average, self.seconds, self.of, self._last = file, average, seconds, of, time.monotonic()

    def read(self, module: nn.Module) -> Start:
        """Put the module and its average where the last checkpoint was; return where to go on."""
        for part in self.file.parent.glob("*.part"):  # of processes that were killed while they wrote
            with suppress(FileNotFoundError):
                if abandoned(part.name, part.stat().st_mtime):
                    part.unlink()
        if not self.file.exists():
            return Start()
        try:
            state = torch.load(self.file, weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError):
            return Start()
        if state.get("of", "") != self.of:
            return Start()
        module.load_state_dict(state["module"])
        if self.average is not None:
            self.average.weights = state["average"]
        return Start(state["step"], state["losses"], state["optimizer"])

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Write a checkpoint if it is time.

        Raises:
            OSError: Naming the file, of which nothing is left: the disk is full, say.
        """
        if time.monotonic() - self._last < self.seconds:
            return
        self._last = time.monotonic()
        optimizer = {
            "optimizer": trainer.optimizers[0].state_dict(),
            "scheduler": trainer.lr_scheduler_configs[0].scheduler.state_dict(),
        }
        state = {
            "of": self.of,
            "step": batch[0] + 1,
            "losses": module.losses_so_far(),
            "module": module.state_dict(),
            "optimizer": optimizer,
            "average": None if self.average is None else self.average.weights,
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_suffix(f".{mark()}.part")  # two bases may need the same one, and train it at once
        try:
            _save(state, part)
            os.replace(part, self.file)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _save(state: dict[str, Any], file: Path) -> None:
    """Write a state to a file, by torch, which says in words of its own why a disk takes no more.

    Raises:
        OSError: As the system says it, naming the file.
    """
    try:
        with file.open("wb") as stream:
            torch.save(state, stream)
    except (RuntimeError, OSError) as error:
        said = error if isinstance(error, OSError) else error.__cause__ or error.__context__
        if not isinstance(said, OSError) or said.errno is None:
            raise
        raise OSError(said.errno, said.strerror, str(file)) from error

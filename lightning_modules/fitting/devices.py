"""The devices of this machine, and which of them a fit uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from pytorch_lightning.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import distributed as dist
from torch.optim import Optimizer

from lightning_modules.settings import Execution
from records.errors import StepError


class Alone(LightningEnvironment):
    """One process on its own, whatever the variables of a cluster say: a step of a study is no task of its job."""

    def local_rank(self) -> int:
        """Return 0."""
        return 0

    def node_rank(self) -> int:
        """Return 0."""
        return 0


class Stays(SingleDeviceStrategy):
    """One device, on which the model stays when it is done; the usual one moves all of it to the processor's memory.

    A study samples a model shard after shard: gigabytes would cross over twice for each. Who needs the memory of the
    device moves what lies there (`benchmarks.steps.context`).
    """

    def __init__(self) -> None:
        super().__init__(torch.device("cuda", 0) if device().type == "cuda" else device())

    def teardown(self) -> None:
        """Let go of the optimizer, and of nothing else."""
        kept = self.lightning_module
        self.optimizers, self._lightning_module = list[Optimizer](), None
        super().teardown()
        self._lightning_module = kept


def device() -> torch.device:
    """Return where models run: the accelerator if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def require_seen() -> None:
    """Refuse to work without the accelerator that this process was given: days on a processor are nobody's wish.

    Raises:
        StepError: torch sees none of those that `CUDA_VISIBLE_DEVICES` names.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "").strip()
    if given not in ("", "-1") and not torch.cuda.is_available():
        raise StepError(
            f"torch {torch.__version__} sees no accelerator, and CUDA_VISIBLE_DEVICES is {given!r} here; allowed: one "
            "that this machine has and that torch was built for, or CUDA_VISIBLE_DEVICES= for processors"
        )


#: Names of the accelerators that whoever runs this process has leased to it for what it does now; () = all it sees.
_leased: tuple[str, ...] = ()


@contextmanager
def lease(names: tuple[str, ...]) -> Iterator[None]:
    """Have fits in here use these accelerators, in the words of `CUDA_VISIBLE_DEVICES`.

    This process itself goes on with the one that it sees.
    """
    global _leased
    before, _leased = _leased, names
    try:
        yield
    finally:
        _leased = before


@contextmanager
def shown() -> Iterator[None]:
    """Have processes that are started in here see all that is leased; without a lease what this one sees."""
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    if _leased:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(_leased)
    try:
        yield
    finally:
        if before is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = before
        elif _leased:
            del os.environ["CUDA_VISIBLE_DEVICES"]


def count(execution: Execution) -> int:
    """Return the devices of one machine that a fit uses: of a lease at most those that are leased."""
    if execution.devices == "auto":
        return len(_leased) or max(1, torch.cuda.device_count())
    return min(execution.devices, len(_leased)) if _leased else execution.devices


def world(execution: Execution) -> int:
    """Return the devices of all machines that a fit uses."""
    return execution.nodes * count(execution)


def inside(execution: Execution) -> bool:
    """Return whether this process is one device's of a fit on several machines, which torchrun starts.

    Processes of one machine are started here, by whatever this one was started.
    """
    return execution.nodes > 1 and dist.is_available() and dist.is_torchelastic_launched()


def options(execution: Execution) -> dict[str, Any]:
    """Return the Trainer's options for the devices of a fit; over several, gradients are added up outside of it.

    The environment is named: Lightning would guess one from the variables of Slurm, LSF, MPI or torchrun, and wait for
    processes that nobody starts.
    """
    if world(execution) == 1:
        return {"plugins": [Alone()]}
    return {
        "plugins": [TorchElasticEnvironment() if execution.nodes > 1 else LightningEnvironment()],
        "devices": count(execution),
        "num_nodes": execution.nodes,
        "strategy": "ddp",
        "use_distributed_sampler": False,  # steps are not shared out: each device takes its rows of every step
    }

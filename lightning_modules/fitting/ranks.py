"""One fit on several devices of this machine: a process a device, the trained weights brought back here."""

from __future__ import annotations

import json
import os
import pickle
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, multiprocessing
from torch import distributed as dist

from lightning_modules import memory
from lightning_modules.fitting import devices
from lightning_modules.fitting.contracts import NonFiniteLoss, Objective, Progress
from lightning_modules.fitting.module import FitModule
from lightning_modules.fitting.order import StepOrder
from lightning_modules.fitting.training import train
from lightning_modules.settings import FitSettings

#: The file that every device reads the model, the data and the rest of its work from.
JOB = "job.pt"


def fit(
    module: FitModule,
    data: dict[str, Tensor],
    order: StepOrder,
    settings: FitSettings,
    seed: int,
    objective: Objective | None,
    progress: Progress | None = None,
) -> list[float]:
    """Fit on all devices of `module.execution`, which gets the trained weights; all else is as in `training.train`.

    Raises:
        ValueError: several machines, which a launcher must start; or an objective that cannot be sent to a process.
    """
    execution = module.execution
    if execution.nodes > 1:
        raise ValueError("a fit on several machines needs a process a device there, started by torchrun with its nodes")
    try:
        pickle.dumps(objective)
    except Exception as error:
        raise ValueError(f"this objective cannot be sent to other processes ({error}): set devices to 1") from error
    module.cpu()
    memory.release()  # one of the processes shares this one's device
    world = devices.count(execution)
    with tempfile.TemporaryDirectory() as folder:
        reader, writer = multiprocessing.get_context("spawn").Pipe(duplex=False)
        with _sendable(module):
            torch.save((module, execution, data, order, settings, seed, objective), Path(folder) / JOB)
        given = (world, writer, _free_port(), folder, os.getpid())
        with devices.shown():
            started = multiprocessing.start_processes(_run, given, world, join=False, start_method="spawn")
        writer.close()
        while not started.join(timeout=0.2):
            _pass_on(reader, progress)
        _pass_on(reader, progress)
        reader.close()
        told = json.loads((Path(folder) / "told.json").read_text())
        memory.learn(told["at_once"])
        if "step" in told:
            raise NonFiniteLoss(told["step"])
        state = load_file(Path(folder) / "state.safetensors")
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name in state:
                parameter.copy_(state[name])
    return told["losses"]


def _run(rank: int, world: int, news: Any, port: int, folder: str, parent: int) -> None:
    """Be one device."""
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    # Mapped, not read: all devices look at one copy, and what one of them writes to is its own. Sent to a process, a
    # tensor would lie in /dev/shm, of which a container has 64 MB.
    job = torch.load(Path(folder) / JOB, map_location="cpu", mmap=True, weights_only=False)
    module, execution, data, order, settings, seed, objective = job
    places = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_RANK": rank, "NODE_RANK": 0, "WORLD_SIZE": world}
    os.environ.update({name: str(value) for name, value in places.items()})
    torch.set_num_threads(1)
    module.execution = execution
    told: dict[str, Any] = {}
    try:
        tell = (lambda *done: news.send(done)) if rank == 0 else None
        told = {"losses": train(module, data, order, settings, seed, objective, tell)}
    except NonFiniteLoss as error:  # of the whole batch, so on every device alike
        told = {"step": error.step}
    if rank == 0:
        state = {k: p.detach().cpu().contiguous() for k, p in module.named_parameters() if p.requires_grad}
        save_file(state, Path(folder) / "state.safetensors")
        (Path(folder) / "told.json").write_text(json.dumps({**told, "at_once": memory.found()}))
    if dist.is_initialized():
        dist.destroy_process_group()


def _follow(parent: int) -> None:
    """End this process when the one that started it was killed: it would hold its device for ever."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


@contextmanager
def _sendable(module: FitModule) -> Iterator[None]:
    """Set aside the hooks that transformers puts on its models at first use, and would again: they cannot be sent."""
    models = [m for m in module.modules() if getattr(m, "_output_capturing_hooks_installed", False)]
    hooked = {m: m._forward_hooks.copy() for model in models for m in model.modules() if m._forward_hooks}
    for each in hooked:
        for key in [k for k, hook in each._forward_hooks.items() if hook.__module__.startswith("transformers.")]:
            del each._forward_hooks[key]
    for model in models:
        model._output_capturing_hooks_installed = False
    try:
        yield
    finally:
        for each, hooks in hooked.items():
            each._forward_hooks.clear()
            each._forward_hooks.update(hooks)
        for model in models:
            model._output_capturing_hooks_installed = True


def _pass_on(news: Any, progress: Progress | None) -> None:
    """Say what the first device has said since the last time."""
    with suppress(EOFError):
        while news.poll():
            done = news.recv()
            if progress is not None:
                progress(*done)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])

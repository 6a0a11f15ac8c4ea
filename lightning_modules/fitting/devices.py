"""The devices of this machine, and which of them a fit uses."""

from __future__ import annotations

import os
from typing import Any

import torch

from lightning_modules.settings import Execution


def device() -> torch.device:
    """Return where models run: the accelerator if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def count(execution: Execution) -> int:
    """Return the devices of one machine that a fit uses."""
    return execution.devices if execution.devices != "auto" else max(1, torch.cuda.device_count())


def world(execution: Execution) -> int:
    """Return the devices of all machines that a fit uses."""
    return execution.nodes * count(execution)


def inside() -> bool:
    """Return whether this process is one device's, started here or by a launcher such as torchrun."""
    return "LOCAL_RANK" in os.environ


def options(execution: Execution) -> dict[str, Any]:
    """Return the Trainer's options for the devices of a fit; over several, gradients are added up outside of it."""
    if world(execution) == 1:
        return {}
    return {
        "devices": count(execution),
        "num_nodes": execution.nodes,
        "strategy": "ddp",
        "use_distributed_sampler": False,  # steps are not shared out: each device takes its rows of every step
    }

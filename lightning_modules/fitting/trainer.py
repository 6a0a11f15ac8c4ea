"""Lightning's `Trainer`, quietly and with little overhead."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pytorch_lightning import Trainer


def trainer(**options: Any) -> Trainer:
    """Return a trainer on one device, where `options` say nothing else."""
    return Trainer(**{"accelerator": "auto", "devices": 1, "barebones": True, "inference_mode": True, **options})


@contextmanager
def notices_silenced() -> Iterator[None]:
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

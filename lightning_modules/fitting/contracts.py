"""What a fit or a generation is given beside its data, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

#: One number from losses (b,) and a context; see the `fit_pairs` of a model for what the context holds.
Objective = Callable[[Tensor, dict[str, Any]], Tensor]
#: Called with what is done and with what there is to do in all.
Progress = Callable[[int, int], None]
#: The factor on the learning rate in a step, from 0.
Schedule = Callable[[int], float]


class NonFiniteLoss(RuntimeError):
    """The loss of a training step was NaN or infinite.

    Attributes:
        step: the step, from 0.
    """

    def __init__(self, step: int) -> None:
        super().__init__(f"the loss became NaN or infinite in step {step}")
        self.step = step


@dataclass(frozen=True)
class Start:
    """Where a fit starts: at its first step, or where a cut one was.

    Attributes:
        step: the first step to run.
        losses: of the steps before.
        optimizer: state of the optimizer and of its schedule; None = fresh ones.
    """

    step: int = 0
    losses: Sequence[float] = ()
    optimizer: dict[str, Any] | None = None


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

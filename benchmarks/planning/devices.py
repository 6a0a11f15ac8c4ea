"""What fits ask of machines and their devices, said when a suite is planned. Free of torch."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.planning.plan import Plan
from benchmarks.steps import CHAIN, STANDARD, Base, Fit, Step
from benchmarks.steps.trial import Trial
from benchmarks.study.suite import Fits, Suite
from lightning_modules.fitting.sizes import held_bytes
from lightning_modules.weights.sources import MissingModel, Origin
from records.errors import UsageError
from records.names import MODALITIES


def check_nodes(suite: Suite, file: Path) -> None:
    """Refuse fits on several machines, which nothing here starts.

    Raises:
        UsageError: Naming the way that works.
    """
    for side in MODALITIES:
        nodes = getattr(suite.execution, side).nodes
        if nodes > 1:
            raise UsageError(
                f"{file}: execution.{side}.nodes: found {nodes}; allowed: 1, since a fit of a study keeps to "
                "one machine; several machines share out its steps: the same command on each, with --runs on a folder "
                "of all"
            )


def check_limits(suite: Suite, file: Path) -> None:
    """Refuse a time limit of what is no kind of step.

    Raises:
        UsageError: Naming the kinds.
    """
    all_kinds: tuple[type[Step], ...] = (*STANDARD, CHAIN, Trial)
    kinds = sorted(kind.kind for kind in all_kinds)
    for kind in suite.execution.time_limit:
        if kind not in kinds:
            raise UsageError(f"{file}: execution.time_limit: found {kind!r}; allowed: {', '.join(kinds)}")


def check_batch(where: str, side: str, suite: Suite, fits: Fits) -> None:
    """Refuse more devices than a step has samples: one of them would have nothing to do.

    Raises:
        UsageError: Naming both numbers.
    """
    devices, batch = getattr(suite.execution, side).devices, getattr(fits, side).batch_size
    if devices != "auto" and devices > batch:
        raise UsageError(
            f"{where}: execution.{side}.devices: found {devices}, for a fit.{side}.batch_size of {batch}; allowed: at "
            f"most {batch}, one a sample, or a larger batch_size"
        )


def require_room(plan: Plan) -> None:
    """Refuse fits whose weights alone are more than a device of this machine holds; without devices none is.

    Weights are not shared out: every device of a fit holds all of them.

    Raises:
        UsageError: Naming the fit, what it holds and what a device has.
    """
    fits = {
        (plan.origins[key], step.modality, step.settings.lora): step
        for key, step in plan.steps.items() if isinstance(step, Fit)
    }  # fmt: skip
    for (origin, side, lora), _ in fits.items() if device_bytes() else ():
        base = plan.steps[origin]
        assert isinstance(base, Base)
        held = _held(base, lora)
        have = device_bytes() or 0
        if held > have:
            adapters = "a larger device" if lora else f"fit.{side}.lora, or a larger device"
            raise UsageError(
                f"{plan.file}: fit.{side}: {base.spec.name} holds {held / 1e9:.0f} GB on every device, before any "
                f"sample (weights, gradients, moments of AdamW; none is shared out), of {have / 1e9:.0f}; allowed: "
                f"{adapters}"
            )


def _held(base: Base, lora: Any) -> int:
    """Return the bytes of weights and optimizer on each device; 0 where the files do not tell or are not here."""
    model = base.spec
    if not base.in_files:
        return 0
    try:
        folder = Origin(model.class_path, model.folder, model.hub, model.revision).locate()
        return held_bytes(folder, model.dtype, lora)
    except (MissingModel, ValueError, OSError):  # not here, or not whole, which a plan says elsewhere
        return 0


def device_bytes() -> int | None:
    """Return the memory of the smallest accelerator of this machine, as its driver says it; None where it has none."""
    return min(driver_says(), default=0) or None


@lru_cache(maxsize=1)
def driver_says() -> tuple[int, ...]:
    """Return the bytes of each accelerator that the driver of this machine shows; () where it says nothing."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    command = [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
        return tuple(int(line) * 2**20 for line in said.split() if line.isdigit())
    return ()

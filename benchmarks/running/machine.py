"""What of a machine this process may use, as its job or container is allowed it, and what its steps run on."""

from __future__ import annotations

import functools
import os
import platform
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.study.suite import Executions
from records.names import MODALITIES

CGROUPS = Path("/sys/fs/cgroup")
CPUINFO = Path("/proc/cpuinfo")

#: What Linux says of a processor's make, on x86 and on ARM.
_MAKE = ("model name", "cpu family", "model", "CPU implementer", "CPU part")


def processors() -> int:
    """Return how many processors this process may use: of its affinity, and no more than a container's quota."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    count = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    for folder in _groups():
        with suppress(OSError, ValueError, IndexError, ZeroDivisionError):
            if (folder / "cpu.max").is_file():
                quota, period = map(int, (folder / "cpu.max").read_text().split())
            else:
                quota, period = (int((folder / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
            if quota > 0:
                count = min(count, max(1, quota // period))
    return max(1, count)


def memory() -> int:
    """Return the bytes of memory that this process may use: of the machine, and no more than a container's limit."""
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for folder in _groups():
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):  # "max", or there is none
                size = min(size, int((folder / name).read_text()))
    return size


def processor(cpuinfo: Path = CPUINFO) -> str:
    """Return the processor's make and the vector instructions that torch uses on it, such as "AMD EPYC 25 17 AVX512".

    Libraries choose their kernels by both, so float32 sums come in another order where either differs. "" where the
    system does not say (Linux does).
    """
    import torch

    said = dict[str, str]()
    with suppress(OSError):
        for line in cpuinfo.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            said.setdefault(name.strip(), re.sub(r"\([^)]*\)|@.*", " ", value))  # "(R)"; the clock is no make
    make = " ".join(" ".join(said[name] for name in _MAKE if name in said).split())
    return f"{make} {torch.backends.cpu.get_cpu_capability()}" if make else ""


@functools.cache
def own_processor() -> str:
    """Return `processor` of this machine, asked once."""
    return processor()


def _groups() -> Iterator[Path]:
    """Yield the folders of this process's control groups, and of those around them."""
    paths = {"": ""}
    with suppress(OSError, ValueError):
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        paths |= {kinds: path for _, kinds, path in (line.split(":", 2) for line in lines)}
    for kinds, path in paths.items():
        for root in {CGROUPS / kinds, *(CGROUPS / kind for kind in kinds.split(","))}:
            folder = root / path.lstrip("/")
            yield from (each for each in (folder, *folder.parents) if each.is_relative_to(root))


def exact_float32() -> None:
    """Have float32 mean float32 on every device: by itself torch rounds convolutions on NVIDIA GPUs to TF32.

    A fit that may round says so (`precision: tf32`), and has a key of its own.
    """
    import torch

    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False


def surroundings(execution: Executions) -> dict[str, Any]:
    """Return what a step runs on here, and how fits and generations are gone about, as its record says it."""
    import torch

    return {
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "processor": own_processor(),
        **{side: asdict(getattr(execution, side)) for side in MODALITIES},
    }

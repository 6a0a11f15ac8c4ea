"""A Ray cluster to run steps on: reached, looked at, and given one process a device or an allotted processor."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.running.machine import processors
from records.errors import UsageError, brief

#: Bytes that Ray keeps for objects on a machine where we start it: what passes through it are steps and records.
OBJECTS = 100 * 2**20
#: Seconds in which an address has to answer.
ANSWER = 5.0


@dataclass(frozen=True)
class Place:
    """Where one process goes: a node of the cluster, and whether it gets a device there.

    Attributes:
        node: Ray's name of the node.
        device: Whether it has an accelerator.
        beside: How many processes the node gets.
        number: Which of them it is.
    """

    node: str
    device: bool
    beside: int
    number: int


def load() -> Any:
    """Import Ray, with what it reports of itself switched off.

    Raises:
        UsageError: It is not installed.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # what a process without a device sees is for us to say
    try:
        import ray
    except ImportError as error:
        raise UsageError("--executor ray needs the extra: pip install 'mmcollapse[ray]'") from error
    return ray


def connect(address: str, workers: int | None, devices: int) -> Any:
    """Reach a cluster, or start one on this machine alone, and return Ray.

    Args:
        address: "local", "auto" or host:port.
        workers: How many processes; None = one a device, else one a processor.
        devices: How many accelerators this machine shows.

    Raises:
        UsageError: The address is none, or nothing answers there.
    """
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
    if address == "local":
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        # By this name, Ray's servers listen to this machine alone.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        options |= {
            "num_cpus": max(workers or processors(), devices), "num_gpus": devices,
            "object_store_memory": OBJECTS, "include_dashboard": False,
        }  # fmt: skip
    ray = load()
    if address not in ("local", "auto"):
        _require_answer(address)
    try:
        ray.init(address=address, **options)
    except Exception as error:  # of several kinds, by what is wrong
        said = brief(" ".join(str(error).split()), 160)
        hint = "; `ray start --head` starts a cluster, --address local one for this run" if address == "auto" else ""
        raise UsageError(f"--address {address}: no Ray cluster to be reached ({said}){hint}") from error
    return ray


def _require_answer(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise UsageError(f"--address: found {address!r}; allowed: local, auto, or host:port of a cluster's head")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER).close()
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"--address {address}: nothing answers there ({error}); allowed: a running Ray head"
        ) from error


@contextmanager
def answering() -> Iterator[None]:
    """Have what Ray says of a cluster that was lost be one sentence.

    Raises:
        UsageError: What is asked within has no answer.
    """
    try:
        yield
    except Exception as error:  # of several kinds, by what was lost
        said = brief(" ".join(str(error).split()) or type(error).__name__, 160)
        raise UsageError(
            f"the Ray cluster answers no more ({said}); what was made is kept, and the same command goes on"
        ) from error


def answered(ray: Any, calls: Sequence[Any], timeout: float, count: int = 1) -> list[Any]:
    """Wait for answers, for so many seconds at most, and return those that are there.

    Raises:
        UsageError: The cluster was lost.
    """
    with answering():
        found: list[Any] = ray.wait(list(calls), num_returns=count, timeout=timeout)[0]
    return found


def places(ray: Any) -> Iterator[Place]:
    """Yield where processes may go: one a device where any node has some, else one an allotted processor.

    Raises:
        UsageError: The cluster was lost.
    """
    with answering():
        nodes = {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}
    kind = "GPU" if any(resources.get("GPU", 0) >= 1 for resources in nodes.values()) else "CPU"
    for name, resources in sorted(nodes.items()):
        count = int(resources.get(kind, 0))
        yield from (Place(name, kind == "GPU", count, number) for number in range(count))

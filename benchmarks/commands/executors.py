"""Who runs the steps of a command: this machine's own worker processes, or those of a Ray cluster."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from records.errors import UsageError

if TYPE_CHECKING:
    from benchmarks.running.executors import Executor
    from benchmarks.study.suite import Executions


def add_executor_arguments(command: argparse.ArgumentParser) -> None:
    """Add what says who runs the steps; no key of a suite does."""
    command.add_argument(
        "--workers", type=int, help="processes; 0: this one (default: one an accelerator, else one a core)"
    )
    command.add_argument("--executor", choices=("local", "ray"), default="local", help="who runs the steps")
    command.add_argument(
        "--address", help="of a Ray cluster: auto (the one this machine is part of), local or host:port"
    )
    command.add_argument(
        "--bucket", default="", metavar="ADDRESS",
        help="an object store, such as s3://name/prefix, in which artifacts are kept, too: runs on machines without a "
        "shared folder share it",
    )  # fmt: skip


@contextmanager
def chosen_executor(options: argparse.Namespace, execution: Executions) -> Iterator[Executor | None]:
    """Yield what a command line asks for; None = worker processes of this machine.

    Raises:
        UsageError: Options that do not go together, or a cluster that cannot be reached.
    """
    if options.executor == "local":
        if options.address is not None:
            raise UsageError(f"--address: found {options.address!r}; allowed: with --executor ray alone")
        yield None
        return
    if options.workers is not None and options.workers < 1:
        raise UsageError(f"--workers: found {options.workers}; allowed with --executor ray: 1 or more")
    from benchmarks.running.ray_executor import RayExecutor
    from benchmarks.storage.store import LocalStore

    root: Path = LocalStore(options.runs / "store").root  # made where it is missing: nodes have to see it
    with RayExecutor(root, options.address or "auto", options.workers, execution, options.bucket) as executor:
        yield executor

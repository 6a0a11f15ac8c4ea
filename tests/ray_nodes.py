"""A Ray cluster of two nodes on this machine, which listen to it alone; for tests that are skipped without Ray."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.planning.plan import Plan
from benchmarks.running.execute import Outcome, Reporter, execute
from benchmarks.running.executors import LocalExecutor
from benchmarks.steps import Step
from benchmarks.storage.store import LocalStore, Record

os.environ |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two nodes, each with a processor to give."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        made.add_node(num_cpus=1)
        yield made
    finally:
        made.shutdown()


class Loses(Reporter):
    """Kills a node when so many steps are done."""

    def __init__(self, cluster: Any, after: int) -> None:
        self.cluster, self.after, self.ended, self.notes = cluster, after, 0, list[str]()

    def step(self, step: Step, record: Record | None, message: str) -> None:
        self.ended += 1
        if self.ended == self.after:
            self.cluster.remove_node(self.cluster.worker_nodes.copy().pop(), allow_graceful=False)

    def note(self, text: str) -> None:
        self.notes.append(text)


def stable(outcome: Outcome) -> dict[str, str]:
    """Return results without what may differ between equal runs."""
    return {key: result.stable_json() for key, result in outcome.results.items()}


def on_this_machine(plan: Plan, folder: Path) -> Outcome:
    store = LocalStore(folder / "store")
    return execute(plan, store, LocalExecutor(store.root, 2, plan.suite.execution), folder / "results")

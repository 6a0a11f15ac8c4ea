"""Memory and PNG work of a study at full size, with models that take no time: `python -m benchmarks.speed.memory -h`.

A joint loop with `none`, `real` and another method runs as any study does. Counted is what the manifests say of the
pictures that steps encoded and decoded; measured is the largest memory of the driver, of its workers, and, where all
runs in one process (`--workers 0`), of each kind of step.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running.execute import Outcome, Reporter
from benchmarks.running.study import run_study
from benchmarks.steps import Floor, Metrics, Step
from benchmarks.storage.store import MANIFEST, LocalStore, Record
from records.yaml_text import yaml_text

#: Families that cost little; and those of the suites on photographs.
FEW = (
    "benchmarks.metrics.captions.diversity.CaptionDiversity",
    "benchmarks.metrics.captions.variety.CaptionVariety",
    "benchmarks.metrics.alignment.CaptionerAlignment",
    "benchmarks.metrics.images.diversity.ImageDiversity",
    "benchmarks.metrics.images.memorisation.ImageMemorisation",
    "benchmarks.metrics.alignment.GeneratorAlignment",
    "benchmarks.metrics.sets.synthetic_set.SyntheticSet",
)
METRICS = {"few": FEW, "paper": ("captioning", "text_to_image", "synthetic_set")}

VARIANTS = {
    "joint_finetune": ["real_prompts"],
    "single_model_captioner": ["default"],
    "single_model_generator": ["default"],
}


def written(
    folder: Path, n: int, side: int, dims: int, iterations: int, method: str,
    scenario: str = "joint_finetune", metrics: str = "few", judges: int = 1,
) -> Path:  # fmt: skip
    """Write suite and testbed; return the suite's file. Without another method `none` runs alone."""
    instant = "benchmarks.speed.instant.Instant"
    testbed = {
        "schema": 1,
        "name": "instant",
        "data": {"class_path": f"{instant}Data", "init_args": {"items": n, "resolution": side}},
        "captioners": [{"name": "captioner", "class_path": f"{instant}Captioner"}],
        "generators": [
            {"name": "generator", "class_path": f"{instant}Generator", "init_args": {"side": side},
             "trained_on": ["train"]}
        ],
        "judges": [
            {"name": f"judge{i}", "class_path": f"{instant}Judge", "init_args": {"dims": dims + i}}
            for i in range(judges)
        ],
    }  # fmt: skip
    decoding = {"captioner": {"temperature": 0.0}, "generator": {"steps": 1, "guidance": 1.0}}
    fit = {"steps": 1, "learning_rate": 1.0}
    suite = {
        "schema": 1, "name": "memory", "testbed": "testbed.yaml", "iterations": iterations, "n": n, "seeds": [0],
        "fit": {"captioner": fit, "generator": fit}, "generate": decoding,
        "evaluate": {"n": n, "draw_inputs": 2, "floor_draws": 2, "decoding": decoding, "draw_decoding": decoding},
        "metrics": list(METRICS[metrics]), "primary": {"captioner": "unique_share", "generator": "vendi"},
        "shard": max(1, n // 4), "scenarios": [{"file": scenario, "variants": VARIANTS[scenario]}],
        "mitigations": ["none"] if method == "none" else list(dict.fromkeys(["none", "real", method])),
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "testbed.yaml").write_text(yaml_text(testbed), encoding="utf-8")
    file = folder / "memory.yaml"
    file.write_text(yaml_text(suite), encoding="utf-8")
    return file


def counts(plan: Plan, store: Path) -> dict[str, Counter[str]]:
    """Return step kind, with the family where it has one -> steps, pictures encoded and decoded, bytes written."""
    opened, found = LocalStore(store), defaultdict[str, Counter[str]](Counter)
    for key, step in plan.steps.items():
        file = opened.folder(key) / MANIFEST
        if file.is_file():
            manifest = json.loads(file.read_bytes())
            found[_kind(step)].update({"steps": 1, "bytes": manifest["size"], **manifest.get("pictures", {})})
    return dict(found)


def _kind(step: Step) -> str:
    family = f" {step.family.execution.rpartition('.')[2]}" if isinstance(step, Metrics | Floor) else ""
    side = f" {step.modality}" if step.kind in ("sample", "features", "fit") else ""  # type: ignore[attr-defined]
    return f"{step.kind}{family}{side}"


def peak(process: int | str = "self") -> int:
    """Return the largest memory that a process has held since it began or since `forget_peak`, in bytes; 0 = gone."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def forget_peak() -> None:
    """Let `peak` of this process begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


class _ByKind(Reporter):
    """Notes the largest memory of each kind of step, where all of them run in this process."""

    def __init__(self) -> None:
        self.peaks: Counter[str] = Counter()

    def step(self, step: Step, record: Record | None, message: str) -> None:
        """Note what the step needed, and begin anew."""
        if record is None:
            raise SystemExit(f"{step.label}: {message}")
        self.peaks[_kind(step)] = max(self.peaks[_kind(step)], peak())
        forget_peak()


def _children() -> list[str]:
    """Return the processes that this one has started."""
    return [p for child in Path("/proc/self/task").glob("*/children") for p in child.read_text().split()]


def _leased() -> Iterator[str]:
    """Yield the processes that Ray leases to run steps; on this machine all nodes are."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if file.read_bytes().startswith(b"ray::Process"):
                yield file.parent.name


@contextmanager
def cluster(nodes: int) -> Iterator[str]:
    """Start a Ray cluster of several nodes on this machine, each with a processor to give; yield its address."""
    os.environ |= {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            made.add_node(num_cpus=1)
        yield made.address
    finally:
        made.shutdown()


@contextmanager
def watched(on_ray: bool = False) -> Iterator[Counter[str]]:
    """Note the largest memory of every child of this process, and of Ray's, while something runs."""
    found: Counter[str] = Counter()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            for process in (*_children(), *(_leased() if on_ray else ())):
                found[process] = max(found[process], peak(process))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def measured(plan: Plan, runs: Path, workers: int, nodes: int = 0) -> tuple[Outcome, dict[str, Any]]:
    """Run the study, on nodes of a Ray cluster where there are any; return its outcome, seconds and bytes of memory."""
    reporter = _ByKind()
    with ExitStack() as stack:
        executor = None
        if nodes:
            from benchmarks.running.ray_executor import RayExecutor

            address, root = stack.enter_context(cluster(nodes)), LocalStore(runs / "store").root
            executor = stack.enter_context(RayExecutor(root, address, nodes, plan.suite.execution))
        forget_peak()
        start = time.perf_counter()
        children = stack.enter_context(watched(on_ray=bool(nodes)))
        outcome = run_study(plan, runs, workers=workers, mirror=False, reporter=reporter, executor=executor)
    found = {"seconds": time.perf_counter() - start, "driver": peak(), "worker": max(children.values(), default=0)}
    return outcome, found | ({"kinds": dict(reporter.peaks)} if workers == 0 else {})


def report(found: dict[str, Any], work: dict[str, Counter[str]], drawn: list[Path]) -> str:
    """Return the tables."""
    kinds = found.get("kinds", {})
    rows = [
        [kind, work[kind]["steps"], work[kind]["encoded"], work[kind]["decoded"], round(work[kind]["bytes"] / 1e6),
         f"{kinds[kind] / 2**30:.2f}" if kind in kinds else ""]
        for kind in sorted(work)
    ]  # fmt: skip
    sums = [sum(w[name] for w in work.values()) for name in ("steps", "encoded", "decoded", "bytes")]
    rows.append(["all", *sums[:3], round(sums[3] / 1e6), ""])
    table = tabulate(rows, ["kind", "steps", "encoded", "decoded", "MB", "peak GiB"], tablefmt="github")
    largest = max((file.stat().st_size for file in drawn), default=0)
    return (
        f"{table}\n\n{found['seconds']:.0f} s; peak memory of the driver {found['driver'] / 2**30:.2f} GiB, "
        f"of a worker {found['worker'] / 2**30:.2f} GiB; largest picture of a cell {largest / 1e6:.2f} MB"
    )


def main() -> int:
    """Run the study in a folder of its own and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.memory", description=__doc__)
    parser.add_argument("--n", type=int, default=500, help="pictures of a pool and of an evaluation")
    parser.add_argument("--side", type=int, default=256, help="pixels of a picture's side, a multiple of 16")
    parser.add_argument("--dims", type=int, default=2048, help="numbers of a feature")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--method", default="accumulate")
    parser.add_argument("--scenario", default="joint_finetune", choices=VARIANTS)
    parser.add_argument("--metrics", default="few", choices=METRICS)
    parser.add_argument("--judges", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="0 = all in one process, with the memory of each kind")
    parser.add_argument("--nodes", type=int, default=0, help="of a Ray cluster on this machine; 0 = without Ray")
    parser.add_argument("--folder", type=Path, help="where the run is kept; a temporary folder unless it is given")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        folder = asked.folder or Path(aside)
        sizes = (asked.n, asked.side, asked.dims, asked.iterations)
        plan = make_plan(str(written(folder, *sizes, asked.method, asked.scenario, asked.metrics, asked.judges)))
        outcome, found = measured(plan, folder / "runs", asked.workers, asked.nodes)
        drawn = list((folder / "runs" / "memory" / "pictures").rglob("*.png"))
        print(report(found, counts(plan, folder / "runs" / "store"), drawn))
        return 1 if outcome.failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Kill a run with SIGKILL at random moments; the restarted one ends with the same result files."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.loading import ROOT
from benchmarks.results import read_results
from benchmarks.store import LocalStore
from tests.engine.conftest import write_suite

KILLS = 10


def start(suite: Path, runs: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "run",
        str(suite),
        "--runs",
        str(runs),
        "--workers",
        "2",
        "--no-mirror",
    ]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def workers_of(parent: int) -> list[int]:
    """Return the processes whose parent is `parent`."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_ten_kills(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, iterations=3, scenarios=[{"file": "joint_finetune"}])
    whole = start(suite, tmp_path / "whole")
    assert whole.wait(timeout=300) == 0
    expected = {k: r.stable_json() for k, r in read_results(tmp_path / "whole" / "small" / "results").items()}
    total = len(LocalStore.listing(tmp_path / "whole" / "store"))
    runs, rng = tmp_path / "killed", random.Random(5)
    # Moments are counted in artifacts, so that a slow machine is killed at the same places as a fast one.
    moments = sorted(rng.sample(range(1, total), KILLS))
    for moment in moments:
        process = start(suite, runs)
        while len(LocalStore.listing(runs / "store")) < moment and process.poll() is None:
            os.sched_yield()
        workers = workers_of(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 60
        while any(alive(w) for w in workers):  # workers end by themselves: no orphan computes on
            assert time.monotonic() < deadline, "workers outlived their parent"
            os.sched_yield()
    last = start(suite, runs)
    assert last.wait(timeout=300) == 0
    found = {k: r.stable_json() for k, r in read_results(runs / "small" / "results").items()}
    assert found == expected

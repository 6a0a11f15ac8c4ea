"""A study that is killed at random moments and started again until it is done, beside one that nobody disturbs."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.storage.store import LocalStore
from benchmarks.study.loading import ROOT
from records.results import read_results
from tests.faults.processes import found, gone, marked

#: Who is killed, and how: by whoever ends a job, by a person at a terminal, by a machine without memory.
BLOWS = ("driver SIGKILL", "driver SIGTERM", "driver SIGINT", "group SIGINT", "all SIGKILL", "worker SIGKILL",
         "worker SIGTERM")  # fmt: skip
#: In which part of a run: counted in what it has done, so that a slow machine is hit at the same places as a fast one.
PARTS = ("starting", "computing", "computing", "computing", "ending", "mirroring", "mirroring")


@dataclass(frozen=True)
class Study:
    """What is run.

    Attributes:
        name: For the report.
        words: Of the command line, but for `run` and the folder.
    """

    name: str
    words: tuple[str, ...]


@dataclass
class Report:
    """What came of it.

    Attributes:
        seed: Of the moments.
        blows: (study, part, blow, exit code where it was the driver's end) in order.
        problems: What must not be.
    """

    seed: int
    blows: list[tuple[str, str, str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def table(self) -> str:
        """Return a short table: how many blows of each kind fell in each part, and what is wrong."""
        parts = list(dict.fromkeys(PARTS))
        counts = Counter((blow, part) for _, part, blow, _ in self.blows)
        lines = [f"{len(self.blows)} blows, seed {self.seed}", f"{'':16}" + "".join(f"{part:>12}" for part in parts)]
        lines += [f"{blow:16}" + "".join(f"{counts[blow, part]:12}" for part in parts) for blow in BLOWS]
        return "\n".join([*lines, *(self.problems or ["nothing is wrong"])])


class Ordeal:
    """One study in a folder of its own."""

    def __init__(self, study: Study, home: Path, report: Report) -> None:
        self.study, self.home, self.report = study, home, report
        self.runs, self.temporary = home / "runs", home / "temporary"
        self.temporary.mkdir(parents=True)
        self.steps = 0

    def start(self) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
        environment = {**marked(), "TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1"}
        environment.pop("MLFLOW_TRACKING_URI", None)
        words = ["run", *self.study.words, "--runs", str(self.runs), "--workers", "2"]
        log = (self.home / "log").open("ab")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks", *words], cwd=ROOT, stdout=log, stderr=log, env=environment,
                start_new_session=True,
            )  # fmt: skip
        return process, environment

    def undisturbed(self) -> None:
        """Run to the end."""
        process, environment = self.start()
        if code := process.wait():
            self.problem(f"ended with {code}: {(self.home / 'log').read_text()[-600:]}")
        self.nobody(environment)

    def disturbed(self, rng: random.Random, whole: Ordeal, most: int) -> None:
        """Strike until it is done, or so often; then let it end."""
        self.steps = len(LocalStore.listing(whole.runs / "store"))
        for _ in range(most):
            part = rng.choice(PARTS)  # there are no workers any more where MLflow is written
            blow = rng.choice(BLOWS if part != "mirroring" else [b for b in BLOWS if not b.startswith("worker")])
            process, environment = self.start()
            said = (self.home / "log").stat().st_size
            if part != "starting":  # it has planned what it does
                self.until(process, lambda: (self.home / "log").stat().st_size > said)  # noqa: B023 (called at once)
            reached = self.until(process, self.moment(part, rng))
            code = self.strike(process, environment, blow) if reached else str(process.wait())
            if reached:
                self.report.blows.append((self.study.name, part, blow, code))
                with (self.home / "blows").open("a") as log:
                    log.write(f"{part}, {blow}: {code}\n")
            self.nobody(environment)
            if not reached:
                return
        self.undisturbed()

    def moment(self, part: str, rng: random.Random) -> Callable[[], bool]:
        """Return how it is told that a moment has come."""
        if part == "starting":
            came = time.monotonic() + rng.uniform(0.0, 3.0)
            return lambda: time.monotonic() > came
        if part == "computing":
            there = len(LocalStore.listing(self.runs / "store"))
            wanted = there + rng.randint(1, max(1, (self.steps - there) // 2))
            return lambda: len(LocalStore.listing(self.runs / "store")) >= wanted
        if part == "ending":
            return lambda: self.complete() and bool(_result_files(self.runs))
        size = rng.randrange(1, 600_000, 4096)
        return lambda: self.complete() and self.size() >= size

    def complete(self) -> bool:
        return len(LocalStore.listing(self.runs / "store")) >= self.steps

    def size(self) -> int:
        with suppress(OSError):
            return (self.runs / "mlflow.db").stat().st_size
        return 0

    def until(self, process: subprocess.Popen[bytes], moment: Callable[[], bool]) -> bool:
        """Wait for a moment; False where the run ends before it."""
        while not moment():
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.01)
                return False
        return True

    def strike(self, process: subprocess.Popen[bytes], environment: dict[str, str], blow: str) -> str:
        """Kill whom it says; return the exit code of the driver, or what it went on to.

        A signal that comes before Python listens ends the process by itself, which has said nothing then.
        """
        said = (self.home / "log").stat().st_size
        whom, number = blow.split()[0], getattr(signal, blow.split()[1])
        if whom == "worker":
            workers = [pid for pid in found(environment) if pid != process.pid and _is_worker(pid)]
            with suppress(ProcessLookupError, IndexError):
                os.kill(random.Random(len(self.report.blows)).choice(workers), number)
            process.wait()
            return "goes on"
        for pid in list(found(environment)) if whom == "all" else [process.pid]:
            with suppress(ProcessLookupError):
                (os.killpg if whom == "group" else os.kill)(pid, number)
        code = process.wait(timeout=120)
        silent = code == -number and (self.home / "log").stat().st_size == said
        if number != signal.SIGKILL and code not in (130, 0) and not silent:
            self.problem(f"{blow}: exit code {code}; {(self.home / 'log').read_text()[-300:]}")
        return str(code)

    def nobody(self, environment: dict[str, str]) -> None:
        if left := gone(environment):
            self.problem(f"{len(left)} processes outlive their run")

    def problem(self, text: str) -> None:
        self.report.problems.append(f"{self.study.name}: {text}")

    def compare(self, whole: Ordeal) -> None:
        """Hold what is left against what an undisturbed run left."""
        mine, theirs = ({k: r.stable_json() for k, r in _results(o.runs).items()} for o in (self, whole))
        if mine != theirs:
            self.problem(
                f"results differ: {sorted(k[:8] for k in mine.keys() | theirs if mine.get(k) != theirs.get(k))}"
            )
        if LocalStore.listing(self.runs / "store") != LocalStore.listing(whole.runs / "store"):
            self.problem("the stores hold other artifacts")
        names = [{str(p.relative_to(o.runs)) for p in o.runs.rglob("*") if _is_ours(p)} for o in (self, whole)]
        if names[0] != names[1]:
            self.problem(f"other files are there: {sorted(names[0] ^ names[1])[:6]}")
        for folder in (self.runs / "store" / "tmp", self.temporary):
            if left := [path.name for path in folder.iterdir() if not path.name.startswith("hsperfdata")]:
                self.problem(f"left in {folder.relative_to(self.home)}: {left[:4]}")
        for ordeal in (self, whole):
            ordeal.mirrored()
        if _points(self.runs) != _points(whole.runs):
            self.problem("MLflow has other points")

    def mirrored(self) -> None:
        """Look for runs that MLflow has twice, or takes for running."""
        with closing(sqlite3.connect(self.runs / "mlflow.db")) as database:
            running = database.execute("SELECT count(*) FROM runs WHERE status = 'RUNNING'").fetchone()[0]
            cells = database.execute(
                "SELECT value FROM tags JOIN runs USING (run_uuid) "
                "WHERE key = 'collapse.cell_key' AND lifecycle_stage = 'active'"
            ).fetchall()
        if running:
            self.problem(f"MLflow has {running} runs that run")
        if len(cells) != len(set(cells)) or {key for (key,) in cells} != set(_results(self.runs)):
            self.problem(f"MLflow has {len(cells)} runs of {len(_results(self.runs))} cells")


def _is_worker(pid: int) -> bool:
    with suppress(OSError):
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _results(runs: Path) -> dict[str, object]:
    (folder,) = {path.parent for path in _result_files(runs)}
    return dict(read_results(folder))


def _result_files(runs: Path) -> list[Path]:
    """Return the result files of every study; the store, in which folders come and go, is not walked."""
    return [*runs.glob("*/results/*.json"), *runs.glob("*/with/*/results/*.json")]


def _is_ours(path: Path) -> bool:
    """Whether a file is one of results and pictures: stores and MLflow's copy are looked at in their own way."""
    return path.is_file() and not {"store", "mlartifacts"} & set(path.parts) and not path.name.startswith("mlflow")


def _points(runs: Path) -> Counter[tuple[str, str, int, float]]:
    """Return every point that MLflow shows, but for seconds."""
    query = (
        "SELECT value_of.value, metrics.key, metrics.step, metrics.value FROM metrics JOIN runs USING (run_uuid) "
        "JOIN tags AS value_of USING (run_uuid) WHERE lifecycle_stage = 'active' AND value_of.key = 'collapse.cell_key' "
        "AND metrics.key NOT LIKE 'cost/%seconds'"
    )
    with closing(sqlite3.connect(runs / "mlflow.db")) as database:
        return Counter(database.execute(query).fetchall())


def strike(studies: list[Study], home: Path, blows: int, seed: int) -> Report:
    """Run every study undisturbed, then under blows at moments that a seed draws, as often as it takes."""
    report, rng = Report(seed), random.Random(seed)
    wholes = []
    for study in studies:
        wholes.append(Ordeal(study, home / study.name / "whole", report))
        wholes[-1].undisturbed()
    while len(report.blows) < blows and not report.problems:
        for study, whole in zip(studies, wholes, strict=True):
            if len(report.blows) < blows:
                ordeal = Ordeal(study, home / study.name / f"after-{len(report.blows)}", report)
                ordeal.disturbed(rng, whole, min(6, blows - len(report.blows)))
                ordeal.compare(whole)
    return report

"""The schedule of a suite on many devices, on paper: the scheduler that runs use, and a clock that is told.

    python -m benchmarks.speed.scaling paper_full --devices 8 64 512
    python -m benchmarks.speed.scaling board --method accumulate --measured runs/store --devices 1 2 8

How long a step takes is stated (`STATED`), or taken from the records of equal work in a store. Nothing runs.
"""

from __future__ import annotations

import argparse
import heapq
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.planning.estimate import seconds_of
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running.agenda import Agenda
from benchmarks.running.placing import DEPTH, Hand, Placing
from benchmarks.running.sharing import share_out
from benchmarks.steps import Step
from benchmarks.storage.store import Record
from records.errors import UsageError, sentence

#: Seconds on an H100, as docs/scaling.md says where each comes from: of one network evaluation or training sample of a
#: modality, of one item of any other kind of step, and of a step whatever its size.
STATED: Mapping[str, float] = {
    "generator evaluation": 0.0416, "generator training": 0.166, "captioner evaluation": 0.05,
    "captioner training": 0.05, "item": 0.01, "metrics": 5.0, "floor": 60.0, "base": 60.0, "model": 20.0,
}  # fmt: skip


@dataclass(frozen=True)
class Course:
    """What came of a simulated run; all times in seconds.

    Attributes:
        devices: How many processes of one device each.
        steps: What they ran; samples in parts count each.
        makespan: From the first step to the last.
        busy: Of all devices together.
        critical: The longest chain of steps that read each other: no number of devices ends sooner.
        thought: What the scheduler itself took here.
    """

    devices: int
    steps: int
    makespan: float
    busy: float
    critical: float
    thought: float

    @property
    def utilisation(self) -> float:
        """Share of the time of all devices that they are busy."""
        return self.busy / (self.devices * self.makespan) if self.makespan else 1.0


class Nothing:
    """A store that holds nothing and that no other run uses, and somebody who does not listen."""

    turns = None

    def done(self, *_: Any) -> set[str]:
        """Hold nothing, and hear nothing."""
        return set()

    recorded = failed = found = progress = note = done


def stated(step: Step) -> float:
    """Return how long a step takes by `STATED`."""
    work, side = step.work(), getattr(step, "modality", "generator")
    if step.kind in ("metrics", "floor", "base"):
        return STATED[step.kind]
    if work.trained:
        return work.trained * STATED[f"{side} training"]
    if work.evaluations:
        return work.evaluations * STATED[f"{side if step.kind != 'captions' else 'captioner'} evaluation"]
    return max(1, work.samples) * STATED["item"]


def simulate(plan: Plan, seconds: Mapping[str, float], devices: int, load: float = 0.0) -> Course:
    """Run a plan on devices that take as long as they are told, from an empty store.

    Args:
        plan: The study.
        seconds: Step -> how long it takes; parts of a sample take their share of the whole.
        devices: How many processes, of one device each.
        load: How long a process takes to read a model that it does not hold.
    """
    start, nobody = time.perf_counter(), Nothing()
    shared = share_out(plan, list(plan.steps.values()), nobody, devices)  # type: ignore[arg-type]
    steps = sorted(shared.steps, key=lambda step: not step.first)  # as a run has them
    whole = {key: owner.work().unit for key, owner in shared.owners.items()}
    lasts = {
        s.key: seconds[shared.owners[s.key].key] * s.work().unit / whole[s.key] if s.key in whole else seconds[s.key]
        for s in steps
    }
    for owner in {owner.key for owner in shared.owners.values()}:  # what parts have made is only put together
        lasts[owner] = 0.0
    agenda = Agenda(steps, nobody, nobody, apart=False)  # type: ignore[arg-type]
    makespan, busy = _run(agenda, [Hand() for _ in range(devices)], lasts, load)
    return Course(devices, len(steps), makespan, busy, _critical(steps, lasts), time.perf_counter() - start)


def _run(agenda: Agenda, hands: Sequence[Hand], lasts: Mapping[str, float], load: float) -> tuple[float, float]:
    """Let the clock go from one end of a batch to the next; return its last time, and what all were busy for."""
    placing, now, busy = Placing(agenda), 0.0, 0.0
    ends: list[tuple[float, int]] = []
    waits: dict[int, list[float]] = {i: [] for i in range(len(hands))}  # how long its batches take, in their order
    idle = set(range(len(hands)))
    last = 0
    while not agenda.over:
        for depth in range(DEPTH):
            for i in [i for i in sorted(idle | {last}) if len(hands[i].batches) == depth]:
                held = set(hands[i].origins)
                if not agenda.schedule.ready or not (batch := placing.batch(hands[i], len(hands))):
                    continue
                read = {origin for step in batch if (origin := placing.origin(step))} - held
                waits[i].append(sum(lasts[step.key] for step in batch) + load * len(read))
                busy += waits[i][-1]
                if i in idle:
                    idle.discard(i)
                    heapq.heappush(ends, (now + waits[i][0], i))
        if not ends:
            break
        now, last = heapq.heappop(ends)
        waits[last].pop(0)
        for step in hands[last].batches.popleft():
            hands[last].made.append(step.key)
            placing.learn(step, lasts[step.key])
            agenda.settle(step, Record(step.key, step.kind))
        if waits[last]:
            heapq.heappush(ends, (now + waits[last][0], last))
        else:
            idle.add(last)
    return now, busy


def _critical(steps: Sequence[Step], lasts: Mapping[str, float]) -> float:
    """Return the longest chain of steps that read each other."""
    ends: dict[str, float] = {}
    for step in steps:  # inputs first
        ends[step.key] = lasts[step.key] + max((ends.get(parent, 0.0) for parent in step.parents), default=0.0)
    return max(ends.values(), default=0.0)


def table(courses: Sequence[Course]) -> str:
    """Return courses as a table in Markdown."""
    head = [
        "| devices | steps | makespan | busy, all devices | utilisation | critical path | scheduler |",
        "|" + "---|" * 7,
    ]
    rows = [
        (str(c.devices), f"{c.steps:,}", _hours(c.makespan), _hours(c.busy), f"{c.utilisation:.0%}",
         _hours(c.critical), f"{c.thought:.1f} s")
        for c in courses
    ]  # fmt: skip
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the schedule of a suite on several numbers of devices."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.scaling", description=__doc__.splitlines()[0])
    parser.add_argument("suite", help="a shipped suite's name, or a YAML file")
    parser.add_argument("--method", action="append", default=[], help="a mitigation beside those of the suite")
    parser.add_argument("--devices", type=int, nargs="+", default=[8, 64, 512], help="how many, each a simulation")
    parser.add_argument("--measured", type=Path, help="a store whose records say how long steps take")
    options = parser.parse_args(arguments)
    try:
        plan = make_plan(options.suite, (), options.method).to_run
        if min(options.devices) < 1:
            raise UsageError(f"--devices: found {min(options.devices)}; allowed: 1 or more")
        if options.measured is None:
            seconds, load = {key: stated(step) for key, step in plan.steps.items()}, STATED["model"]
        else:
            (seconds, unknown), load = seconds_of(plan, options.measured), 0.0
            if unknown:
                raise UsageError(f"--measured {options.measured}: found no record of {', '.join(unknown)}")
    except UsageError as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    print(table([simulate(plan, seconds, devices, load) for devices in options.devices]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a worker process does: one step after another, on one thread of a processor or on one accelerator."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.running import ending, machine
from benchmarks.running.blame import full, place
from benchmarks.running.code import require_planned
from benchmarks.running.leases import Leases, Setup
from benchmarks.running.machine import exact_float32, surroundings
from benchmarks.running.undisturbed import undisturbed
from benchmarks.steps import Step
from benchmarks.storage.bucket_store import open_store
from benchmarks.storage.full_disk import StoreFull, Unkept, full_disk, has_room, lies_in
from benchmarks.storage.store import Record, Store
from benchmarks.study.suite import Executions
from datamodules import png
from lightning_modules import memory
from records.errors import HookReadError, StepError, UsageError
from records.printable import printable
from records.results import Cost
from records.secrets import hidden

#: What to do where even one sample at a time is too much.
ADVICE = (
    " (the step cannot be made smaller; fewer --workers leave each more memory, and so do fit.<side>.lora and "
    "execution.<side>.gradient_checkpointing)"
)


def perform(step: Step, store: Store, context: Any, execution: dict[str, Any]) -> Record:
    """Run one step and keep its value; the record holds what it cost.

    Raises:
        StepError: It cannot be done, or a class that it uses was edited since the run was planned.
    """
    try:
        return _performed(step, store, context, execution)
    finally:
        context.tidy()


def _performed(step: Step, store: Store, context: Any, execution: dict[str, Any]) -> Record:
    start, cpu = time.perf_counter(), time.process_time()
    require_planned(step)
    memory.forget()
    accelerated = execution.get("device", "cpu") != "cpu"
    tried = _tried(step, context, accelerated)
    if tried is None:  # a model itself has no room beside what earlier steps left; now it has all there is
        if context.keeps_models:
            memory.note("models", 1)
        context.forget()
        memory.release()
        tried = _tried(step, context, accelerated, last=True)
    assert tried is not None
    value, cost = tried
    require_planned(step)  # code that was imported while it ran
    for hooked in context.hooked:  # what the hooks of a method said that they consumed
        cost = replace(cost, **{name: getattr(cost, name) + count for name, count in hooked.spent.items()})
    wall, busy = time.perf_counter() - start, time.process_time() - cpu
    # An accelerator is held for as long as the step lasts, a processor while it computes.
    held = wall if accelerated else busy
    # What is put together from parts has their seconds already.
    spent = replace(cost, wall_seconds=cost.wall_seconds + wall, device_seconds=cost.device_seconds + held)
    notes = {name: value for hooked in context.hooked for name, value in hooked.notes.items()}
    halved = memory.found()
    went = {**execution, "at_once": halved} if halved else execution
    record = Record(step.key, step.kind, step.label, spent, went, notes=notes)
    _keep(store, record, value)
    if accelerated and step.kind == "fit":
        del value, tried
        memory.release()  # a model that was trained hangs in cycles, which hold its place on the device
    return record


def _keep(store: Store, record: Record, value: Any) -> None:
    """Put a value into the store.

    Raises:
        StoreFull: What any other step makes could not be kept either.
        Unkept: It cannot be kept.
    """
    try:
        store.put(record, value)
    except Exception as error:  # a full disk, or one that cannot be written
        if not isinstance(error, OSError) and not full_disk(error):
            raise
        why = getattr(error, "strerror", None) or str(error)
        # Rights or a mount that went for good take the work of every step to come; what passes takes that of this one.
        lost = full_disk(error) or not has_room(getattr(store, "root", None))
        kind = StoreFull if lost else Unkept
        raise kind(f"the store cannot keep it ({why}); make room or mend it, and run again") from error


def _tried(step: Step, context: Any, leftovers: bool, last: bool = False) -> tuple[Any, Cost] | None:
    """Return what a step makes, on random numbers of its own; None where memory ran out, and it may try once more.

    It may where models are kept, or where there may be `leftovers` of models that nobody keeps any more.
    """
    context.hooked.clear()
    png.forget_counts()
    try:
        with undisturbed(int(step.key[:8], 16)):
            return step.run(context)
    except Exception as error:
        root = getattr(context.store, "root", None)
        if full_disk(error) and not isinstance(error, StoreFull) and (lies_in(error, root) or not has_room(root)):
            raise StoreFull(f"the store's disk is full ({error}); make room, and run again") from error
        if last or not memory.is_full(error) or not (context.keeps_models or leftovers):
            raise
    finally:
        context.recall()
    return None


@dataclass(frozen=True)
class Trouble:
    """Why a step could not be done.

    Attributes:
        message: One sentence.
        traceback: For who wants to know more.
        ends: Whether no other step is worth being begun.
        spared: Whether the store is to blame, and the step is not.
    """

    message: str
    traceback: str = ""
    ends: bool = False
    spared: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Trouble:
        """Take down an error."""
        return cls(explain(error), hidden(full(error)), isinstance(error, StoreFull), isinstance(error, Unkept))


def explain(error: BaseException) -> str:
    """Return one sentence about an error, the same on every machine, with the line of an author's code it arose in."""
    text = printable(" ".join(str(error).split())) or "no message"
    if memory.is_full(error):
        text += ADVICE
    known = isinstance(error, (StepError, HookReadError)) or type(error).__name__ == "NonFiniteLoss"
    where = place(error)
    return hidden(text if known else f"{type(error).__name__}: {text}") + (f" ({where})" if where else "")


class Unfit(UsageError):
    """A process cannot be made a worker: it is no step's fault, and another process would fare no better."""


_context: Any = None
_unfit = ""
_news: Any = None
_leases: Leases = Leases((), Executions())
_own = 0


def begin(scratch: Path, setup: Setup, news: Any, turn: Any) -> None:
    """Prepare a process that is a worker and nothing else; what it leaves for a while lies in a folder of the run."""
    ending.lead()
    tempfile.tempdir = os.environ["TMPDIR"] = str(scratch)
    start(setup, news, turn)


def admit(prepared: Callable[..., None], scratch: Path, setup: Setup, *given: Any) -> None:
    """Prepare a process by `begin`; why that cannot be is what `work` answers, as a pool would say nothing of it."""
    global _unfit
    try:
        prepared(scratch, setup, *given)
    except Exception as error:
        device = f" on accelerator {os.environ.get('CUDA_VISIBLE_DEVICES', '')}" if setup.leases.names else ""
        why = str(error) if isinstance(error, UsageError) else explain(error)
        _unfit = f"no worker can be started{device}: {why}; what was made is kept, and the same command goes on"


def start(setup: Setup, news: Any, turn: Any) -> None:
    """Prepare this process: its threads, its accelerator, the parent's import path, an end when the parent ends."""
    global _own
    with turn.get_lock():
        number, turn.value = turn.value, turn.value + 1
    threads = 1  # threads of one process wait for each other on small tensors (docs/performance.md)
    if names := setup.leases.names:
        threads = max(1, machine.processors() // setup.workers)
        _own = setup.leases.own(number, setup.workers)
        os.environ["CUDA_VISIBLE_DEVICES"] = names[_own]
    sys.path[:] = setup.path
    threading.Thread(target=_follow, args=(setup.parent,), daemon=True).start()
    sharing = max(1, setup.workers // max(1, len(names)))
    prepare(setup.root, setup.leases, threads, setup.workers, sharing, news, setup.bucket)


def prepare(root: Path, leases: Leases, threads: int, workers: int, sharing: int, news: Any, bucket: str = "") -> None:
    """Prepare this process for `work`; torch is not imported yet.

    Args:
        root: Folder of the store.
        leases: The accelerators, and how each modality's fits and generations are run.
        threads: Of this process.
        workers: How many processes share this machine's memory.
        sharing: How many of them share an accelerator.
        news: Is sent (key, done, total) now and then.
        bucket: Address of the object store beside that folder; "" = there is none.
    """
    global _context, _news, _leases
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # ours are the only bars
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    # What a library merely warns of is no error here, whatever PYTHONWARNINGS says: it would end the worker.
    warnings.filters[:] = [found for found in warnings.filters if found[0] != "error"]  # type: ignore[index]
    import torch

    torch.set_num_threads(threads)
    exact_float32()
    from benchmarks.steps.context import RunContext

    if torch.cuda.is_available():
        room = torch.cuda.get_device_properties(0).total_memory // (2 * sharing)
    else:
        room = machine.memory() // (4 * workers)
    _leases, _news = leases, news
    _context = RunContext(open_store(root, bucket), execution=leases.execution, model_bytes=room)


def _follow(parent: int) -> None:
    """End this worker when the run that started it was killed: an orphan would go on computing."""
    while os.getppid() == parent:
        time.sleep(0.5)
    ending.end_own()


def free(keys: Sequence[str]) -> None:
    """Let go of artifacts in a folder that is this machine's alone; one that cannot be written keeps them."""
    for key in keys:
        with suppress(OSError):
            _context.store.drop(key)


def _tell(*message: Any) -> None:
    """Say how far a step is; where nobody hears it any more, it goes on."""
    with suppress(OSError):
        _news.send(message)


def work(step: Step) -> Record | Trouble:
    """Run a step in a worker; an error comes back as text, since not every exception can be pickled.

    Raises:
        Unfit: This process could not be prepared.
    """
    if _unfit:
        raise Unfit(_unfit)
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > 0.5:
            last = time.monotonic()
            _tell(step.key, done, total)

    from lightning_modules.fitting import devices

    _context.progress = progress
    with _leases.held(_own, step) as names, devices.lease(names):
        _tell(step.key, os.getpid())
        try:
            width = _leases.width(step)
            several = {"devices": width} if width > 1 else {}
            return perform(step, _context.store, _context, surroundings(_context.execution) | several)
        except Exception as error:
            return Trouble.of(error)
        finally:
            if names:  # the accelerator may be another worker's next
                _context.to_host()
                memory.release()

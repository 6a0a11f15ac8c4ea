"""What lies on the disk is what was written there, or it is made again: before a run reads it, and said by name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from benchmarks.planning.plan import Plan, PlannedCell
from benchmarks.running.execute import missing_steps
from benchmarks.running.machine import processors
from benchmarks.storage.manifests import AGAIN, DONE
from benchmarks.storage.store import DamagedArtifact, LocalStore
from records.results import ResultError, read_result


def remove_damaged(plan: Plan, cells: Iterable[PlannedCell], store: LocalStore) -> Iterator[str]:
    """Remove artifacts that a run is about to read and that are not what was written; yield a sentence for each."""
    cells, seen = list(cells), set[tuple[str, bool]]()
    while True:
        done, recorded = store.done(), store.recorded()
        read = {parent for step in missing_steps(plan, cells, store) for parent in step.parents}
        read = {key for key in read.union(*(cell.trace.targets() for cell in cells)) if key in done}
        told = {key for cell in cells for key in cell.costed() if key in recorded}
        wanted = sorted({(key, key in read) for key in read | told} - seen)
        if not wanted:
            return
        seen.update(wanted)
        # Digests are made outside of the interpreter's lock.
        with ThreadPoolExecutor(store.streams or processors()) as pool:
            found = pool.map(partial(_problem, store), *zip(*wanted, strict=True))
            for (key, _), problem in zip(wanted, found, strict=True):
                if problem:
                    store.let_go(key)
                    yield problem


def _problem(store: LocalStore, key: str, whole: bool) -> str:
    try:
        store.require_sound(key) if whole else store.record(key)
    except DamagedArtifact as error:
        if whole and not store.has(key):  # another run lets go of it just now
            return ""
        return str(error).replace(AGAIN, DONE)
    except OSError:  # another run has just dropped it
        return ""
    return ""


def set_results_aside(folder: Path) -> Iterator[str]:
    """Rename result files that cannot be read, so that those of this suite are written anew; yield a sentence each."""
    for path in sorted(folder.glob("*.json")):
        try:
            result = read_result(path)
            problem = "" if path.name == result.file_name else "holds another cell"
        except ResultError as error:
            problem = str(error).removeprefix(f"{path}: ")
        if problem:
            with suppress(OSError):
                os.replace(path, path.with_suffix(".json.damaged"))
            yield f"{path}: {problem}; renamed to {path.name}.damaged, and made again where this suite has its cell"

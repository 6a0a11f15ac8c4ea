"""What lies on the disk is what was written there, or it is made again: before a run reads it, and said by name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path

from benchmarks.planning.plan import Plan, PlannedCell
from benchmarks.running.execute import missing_steps
from benchmarks.running.machine import processors
from benchmarks.storage.manifests import AGAIN, DONE
from benchmarks.storage.store import DamagedArtifact, LocalStore
from records.results import NewerResult, ResultError, UnreadResult, read_result


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
    """Rename result files that are damaged, so that those of this suite are written anew; yield a sentence each.

    What could not be read just now may be whole, and stays where it is.

    Raises:
        UsageError: A newer version has written one.
    """
    for path in sorted(folder.glob("*.json")):
        try:
            result = read_result(path)
            problem = "" if path.name == result.file_name else "holds another cell"
        except NewerResult:
            raise
        except UnreadResult as error:
            if not isinstance(error.__cause__, FileNotFoundError):  # another run has just renamed it
                yield f"{error}; left as it is"
            continue
        except ResultError as error:
            problem = str(error).removeprefix(f"{path}: ")
        if problem and (aside := _aside(path)):
            yield f"{path}: {problem}; {aside}, and made again where this suite has its cell"


def _aside(path: Path) -> str:
    """Rename a file to a name that none has yet and return what came of it; "" where another run was faster."""
    names = (f"{path.name}.damaged{f'-{number}' if number else ''}" for number in count())
    name = next(name for name in names if not os.path.lexists(path.with_name(name)))
    try:
        os.rename(path, path.with_name(name))
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"not renamed ({error.strerror})"
    return f"renamed to {name}"
